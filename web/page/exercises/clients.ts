/** Exercises about producers, consumers and groups. */
import { brokerHost, Command } from '../../shared/run';
import { State } from '../../shared/state';
import { isTold, producerTool } from './ask';
import type { Exercise, Tool } from './script';

const duplicatesOf = ({ verdict }: State, producer: string): number => verdict?.duplicatedOf[producer] ?? 0;

/** Duplicates of the producers that are not idempotent. */
const plainDuplicates = (state: State): number =>
  Object.values(state.producers)
    .filter(({ isIdempotent }) => !isIdempotent)
    .reduce((sum, { producer }) => sum + duplicatesOf(state, producer), 0);

export const DUPLICATE: Exercise = {
  name: 'duplicate',
  title: 'A duplicate, and none with idempotence',
  task:
    'p1 is idempotent. Start a producer that is not, and let the same fault make both send again: records ' +
    'of the new one are read twice, and none of p1.',
  hints: [
    'A duplicate needs a record that was written, and a producer that does not know it.',
    'Lose what the leader answers, not what it is sent: click the line between them, and cut one direction.',
    'The producers send again some 10 s later. Then mend the links, and see what c1 reads.',
  ],
  lesson: 'idempotence',
  minutes: 15,
  tools: [
    producerTool('start p2: acks=all', { producer: 'p2', acks: 'all', isIdempotent: false }),
    producerTool('start p3: acks=all, idempotent', { producer: 'p3', acks: 'all', isIdempotent: true }),
    producerTool('start p4: acks=all, retries=0', {
      producer: 'p4',
      acks: 'all',
      isIdempotent: false,
      settings: { retries: '0' },
    }),
  ],
  goals: [
    {
      name: 'known',
      label: 'a leader recognizes what p1 sends again',
      is: (event) => isTold(event, 'duplicate-batch', { topic: 't' }),
      why: ({ state: { producers } }) =>
        (producers.p1?.waiting ?? 0) > 2
          ? 'p1 waits, and has not sent again what was written.'
          : 'p1 has not had to send again what was written.',
    },
    {
      name: 'twice',
      label: 'a record of a producer without idempotence is read twice',
      is: (_, { state }) => plainDuplicates(state) > 0,
      why: ({ state: { producers } }) =>
        Object.values(producers).some(({ isIdempotent }) => !isIdempotent)
          ? 'No record of the producer without idempotence was read twice.'
          : 'There is no producer without idempotence.',
    },
    {
      name: 'none',
      label: 'and none of p1',
      is: (_, { state }) => duplicatesOf(state, 'p1') === 0 && state.producers.p1?.waiting === 0,
      why: ({ state }) =>
        duplicatesOf(state, 'p1') > 0
          ? 'Records of p1 were read twice: begin again.'
          : 'p1 still waits for acknowledgements: mend what is broken.',
    },
  ],
};

const GROUP = 'g1';
const consumerTool = (consumer: string, group: string | null): Tool => ({
  label: `start ${consumer}: ${group === null ? 'no group' : `group ${group}`}`,
  actions: () => [{ what: 'start-consumer', consumer, topic: 't', group, settings: {} }],
});

export const READ_TWICE: Exercise = {
  name: 'read-twice',
  title: 'A consumer reads a record twice',
  task:
    'c1 reads t in group g1, and commits every two seconds. Make the group read a record twice that is in ' +
    'the log once, and then go on to records that it has not read.',
  hints: [
    'A member that takes a partition over begins at the committed offset, not where the other stood.',
    'Who leaves properly commits before. Who falls silent does not.',
    'Start c2 in group g1, cut the lines between c1 and every broker, and wait for 6 s.',
  ],
  lesson: 'groups',
  minutes: 10,
  tools: [
    consumerTool('c2', GROUP),
    consumerTool('c3', 'g2'),
    consumerTool('c4', null),
    { label: 'stop c1', actions: () => [{ what: 'stop-consumer', consumer: 'c1' }] },
    {
      label: 'cut c1 off from all brokers',
      actions: ({ consumers, brokers }) =>
        Object.keys(brokers).map((broker) => ({
          what: 'cut-link',
          from: consumers.c1!.host,
          to: brokerHost(Number(broker)),
          isOneWay: false,
        })),
    },
  ],
  goals: [
    {
      name: 'twice',
      label: 'the group reads a record for the second time',
      is: (event, { state, notes }) =>
        event.what === 'read' &&
        state.consumers[String(event.consumer)]?.group === GROUP &&
        Number(event.from) <= (notes.read ?? -1) &&
        (state.verdict?.duplicated ?? 0) === 0,
      keep: (_, { notes }) => ({ until: notes.read! }),
      why: ({ state, notes }) =>
        notes.changed === undefined
          ? 'The members of the group are the same as ever: everybody reads on from where they stand.'
          : (state.verdict?.duplicated ?? 0) > 0
            ? 'A record is in the log twice: that is the producer, not the group. Begin again.'
            : 'Whoever took the partition over began where the other had stopped: nothing was read twice.',
    },
    {
      name: 'on',
      label: 'and goes on to new ones',
      is: (event, { state, notes }) =>
        event.what === 'read' &&
        state.consumers[String(event.consumer)]?.group === GROUP &&
        Number(event.to) > notes.until!,
      why: () => 'The group has read a record twice. It has not come to new ones yet.',
    },
  ],
  watch: (event, { state, notes }) => {
    if (isTold(event, 'generation-changed', { group: GROUP })) return { ...notes, changed: event.atMs };
    if (event.what !== 'read' || state.consumers[String(event.consumer)]?.group !== GROUP) return notes;
    return { ...notes, read: Math.max(notes.read ?? -1, Number(event.to)) };
  },
};

const MEMBERS: readonly Command[] = [
  {
    what: 'create-topic',
    topic: 't',
    assignment: [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
      [1, 2, 3],
    ],
    settings: { 'min.insync.replicas': '2' },
    atMs: 2000,
  },
  {
    what: 'start-producer',
    producer: 'p1',
    topic: 't',
    acks: 'all',
    isIdempotent: true,
    everyMs: 250,
    bytes: 0,
    settings: {},
    atMs: 2500,
  },
  { what: 'start-consumer', consumer: 'c1', topic: 't', group: GROUP, settings: {}, atMs: 2500 },
  { what: 'start-consumer', consumer: 'c2', topic: 't', group: GROUP, settings: {}, atMs: 2500 },
];

const membersInWords = ({ groups }: State): string => {
  const { members = [], generation = 0 } = groups[GROUP] ?? {};
  const names = members.map(({ client }) => client).sort();
  return `Generation ${generation} has ${names.length === 0 ? 'no members' : names.join(' and ')}.`;
};

const hasMembers = ({ groups }: State, count: number): boolean =>
  groups[GROUP]?.state === 'Stable' && groups[GROUP].members.length === count;

export const EXPELLED: Exercise = {
  name: 'expelled',
  title: 'A member is expelled, and comes back',
  task:
    'c1 and c2 share four partitions. Have one of them expelled from the group, though its program runs, ' +
    'so that the other reads all of them; then let it come back.',
  hints: [
    'The coordinator expels who sends no heartbeat for session.timeout.ms, here 6 s.',
    'A member that is stopped says goodbye: nobody has to expel it.',
    'Cut the lines between c2 and all three brokers; wait; then mend all links (click ZooKeeper).',
  ],
  lesson: 'groups',
  minutes: 10,
  run: { scene: 'empty' },
  setup: MEMBERS,
  tools: [
    { label: 'stop c2', actions: () => [{ what: 'stop-consumer', consumer: 'c2' }] },
    consumerTool('c2', GROUP),
  ],
  goals: [
    {
      name: 'expelled',
      label: 'the coordinator expels a member',
      is: (event) =>
        isTold(event, 'rebalance', { group: GROUP }) && /heartbeat expiration/.test(String(event.reason)),
      why: ({ notes, state }) =>
        notes.left === undefined
          ? `Nobody was expelled. ${membersInWords(state)}`
          : `Somebody left, and was not expelled. ${membersInWords(state)}`,
    },
    {
      name: 'alone',
      label: 'the other has all four partitions',
      is: (_, { state }) => hasMembers(state, 1),
      why: ({ state }) => `The other has not got the partitions yet. ${membersInWords(state)}`,
    },
    {
      name: 'back',
      label: 'both share them again',
      is: (_, { state }) => hasMembers(state, 2),
      why: ({ state }) => `The expelled one has not come back. ${membersInWords(state)}`,
    },
  ],
  watch: (event, { notes }) =>
    isTold(event, 'rebalance', { group: GROUP }) && /leaves/.test(String(event.reason))
      ? { ...notes, left: event.atMs }
      : notes,
};
