/** Exercises about leaders, followers and the controller. */
import type { AnyEvent } from '../lessons/script';
import { listed } from '../model/words';
import {
  gapMs,
  isAckedSince,
  isrInWords,
  isrOfT,
  isTold,
  isToldOfT,
  leadersOfT,
  lostOf,
  secondsOf,
  stateOfT,
  watchAcks,
} from './ask';
import type { Exercise, Seen } from './script';

const TOGETHER_MS = 1000;

const leadersInWords = ({ state }: Seen): string => {
  const leaders = leadersOfT(state);
  if (leaders.length === 0) return 'No broker that runs believes to lead t-0.';
  return leaders.length === 1
    ? `Only broker ${leaders[0]} runs and believes to lead t-0.`
    : `Brokers ${listed(leaders)} believe to lead t-0.`;
};

export const TWO_LEADERS: Exercise = {
  name: 'two-leaders',
  title: 'Two leaders at the same moment',
  task:
    'Make two brokers that run believe, for a whole second, that they lead t-0. Then bring back peace: one ' +
    'leader, three in the ISR, and nothing lost that was acknowledged.',
  hints: [
    'The controller elects another leader when the session of the old one ends. The old one must live on.',
    'A broker learns from ZooKeeper and from the controller that it leads no more. Keep it from both.',
    'Click the leader and cut it from ZooKeeper. Its session ends after 6 s. Mend the link later.',
  ],
  lesson: 'truncation',
  minutes: 10,
  goals: [
    {
      name: 'two',
      label: 'two that run believe to lead, for a second',
      is: ({ atMs }, { notes }) => atMs - (notes.since ?? atMs) >= TOGETHER_MS,
      why: leadersInWords,
    },
    {
      name: 'peace',
      label: 'one leader, and three in the ISR',
      is: (_, { state }) => leadersOfT(state).length === 1 && isrOfT(state).length === 3,
      why: (seen) => `${leadersInWords(seen)} ${isrInWords(seen.state)}`,
    },
    {
      name: 'kept',
      label: 'p1 is acknowledged again, and nothing is lost',
      is: (event, { state, done }) => isAckedSince(event, 'p1', done.peace!) && lostOf(state) === 0,
      why: ({ state }) =>
        lostOf(state) > 0
          ? `${lostOf(state)} acknowledged records are lost: begin again.`
          : 'No record that p1 sent since then was acknowledged yet.',
    },
  ],
  watch: (event, { state, notes }) => {
    const { since: _since, ...others } = notes;
    if (leadersOfT(state).length < 2) return 'since' in notes ? others : notes;
    return 'since' in notes ? notes : { ...notes, since: event.atMs };
  },
};

const ORDINALS = ['first', 'second', 'third'] as const;

export const THREE_CONTROLLERS: Exercise = {
  name: 'three-controllers',
  title: 'Elect a controller three times',
  task:
    'Have a controller elected three times. In the end all three brokers run, and all are in the ISR of ' +
    't-0.',
  hints: [
    'The crown marks the controller. It is who made /controller, which goes with its session.',
    'Kill it, wait for the next one, start the dead one again, and so on.',
    'Expire session is quicker: the process lives, and its session ends at once.',
  ],
  lesson: 'controller-race',
  minutes: 10,
  goals: [
    ...ORDINALS.map((name) => ({
      name,
      label: `the ${name} election`,
      is: (event: AnyEvent) => isTold(event, 'controller-elected'),
      why: ({ done }: Seen) => {
        const elected = ORDINALS.filter((one) => one in done).length;
        return elected === 0
          ? 'No controller was elected: the one that was there at the start still is.'
          : `${elected} of 3 elections: the controller that is there must go.`;
      },
    })),
    {
      name: 'whole',
      label: 'all brokers run and are in the ISR',
      is: (_, { state }) =>
        Object.values(state.brokers).every(({ status }) => status === 'up') && isrOfT(state).length === 3,
      why: ({ state }) => {
        const away = Object.values(state.brokers).filter(({ status }) => status !== 'up');
        return away.length > 0
          ? `Broker ${listed(away.map(({ broker }) => broker))} does not run.`
          : isrInWords(state);
      },
    },
  ],
};

export const FOLLOWER_TRUNCATES: Exercise = {
  name: 'follower-truncates',
  title: 'A follower truncates',
  task:
    'Make a replica of t-0 throw away records that it had written, because it follows a new leader. No ' +
    'record that was acknowledged to p1 may be lost, and the replica must be in the ISR again.',
  hints: [
    'A replica truncates what the new leader never had: records above the high watermark.',
    'Who writes records that nobody copies? A leader that its followers cannot reach.',
    'Cut the leader from both other brokers and from ZooKeeper; wait for the next leader; mend all links.',
  ],
  lesson: 'truncation',
  minutes: 15,
  goals: [
    {
      name: 'truncated',
      label: 'a replica of t-0 truncates',
      is: (event) => isToldOfT(event, 'truncated') && Number(event.from) > Number(event.to),
      keep: ({ broker }) => ({ who: Number(broker) }),
      why: ({ state }) => {
        const ends = Object.values(state.replicas)
          .filter(({ topic, partition }) => topic === 't' && partition === 0)
          .map(({ broker, logEnd, highWatermark }) => ({ broker, above: logEnd - highWatermark }));
        const most = ends.sort((a, b) => b.above - a.above)[0];
        return most && most.above > 2
          ? `No replica has truncated. Broker ${most.broker} has ${most.above} records above its high ` +
              'watermark.'
          : 'No replica has truncated, and none has records that the others lack.';
      },
    },
    {
      name: 'same',
      label: 'it is in the ISR again, and p1 has lost nothing',
      is: (_, { state, notes }) => isrOfT(state).includes(notes.who!) && lostOf(state, 'p1') === 0,
      why: ({ state, notes }) =>
        lostOf(state, 'p1') > 0
          ? `${lostOf(state, 'p1')} acknowledged records of p1 are lost: begin again.`
          : `Broker ${notes.who} has truncated, and is not in the ISR. ${isrInWords(state)}`,
    },
  ],
};

const MAX_GAP_MS = 2000;

export const NO_ONE_WAITS: Exercise = {
  name: 'no-one-waits',
  title: 'A leader moves, and no client waits',
  task:
    'Move the leader of t-0 to another broker. p1 writes every half second: it must see no error, and wait ' +
    'for no acknowledgement longer than two seconds.',
  hints: [
    'With kill -9 nobody knows of the death until the session ends, 6 s later.',
    'A leader that knows that it will go can hand over before.',
    'SIGTERM asks the broker to stop: it asks the controller to move its leaders first.',
  ],
  lesson: 'controlled-shutdown',
  minutes: 5,
  goals: [
    {
      name: 'moved',
      label: 'another broker leads t-0',
      is: (event, { state, notes: { leader: before } }) => {
        const { leader = -1 } = stateOfT(state) ?? {};
        return event.what !== 'acked' && before !== undefined && leader >= 0 && leader !== before;
      },
      why: ({ notes }) => `Broker ${notes.leader ?? '–'} still leads t-0.`,
    },
    {
      name: 'goes-on',
      label: 'p1 goes on without error, and without a gap of two seconds',
      is: (event, { done, notes }) =>
        isAckedSince(event, 'p1', done.moved! + MAX_GAP_MS) && gapMs(event, notes) <= MAX_GAP_MS,
      why: () => 'The leader has moved. p1 has not gone on for two seconds since then.',
    },
  ],
  spoils: (event, { notes }) => {
    if (isTold(event, 'send-failed', { producer: 'p1' }))
      return { goals: ['moved'], why: `p1 saw an error: ${String(event.error)}.` };
    const waitedMs = gapMs(event, notes);
    if (waitedMs <= MAX_GAP_MS) return undefined;
    return { goals: ['moved'], why: `p1 waited for ${secondsOf(waitedMs)} until it was acknowledged.` };
  },
  watch: (event, { state, notes, done }) => {
    const now = watchAcks(event, notes);
    // The leader of before the move, until p1 is known to have gone on well.
    return now === notes || 'moved' in done ? now : { ...now, leader: stateOfT(state)?.leader ?? -1 };
  },
};

export const PREFERRED_BACK: Exercise = {
  name: 'preferred-back',
  title: 'A preferred election after a failover',
  task:
    'Broker 1 is the first replica of t-0, and leads. Let another broker lead by a failover, and then give ' +
    'the lead back to broker 1 by a preferred election, with all three in the ISR.',
  hints: [
    'Kill broker 1, and start it again when another leads. It comes back as a follower.',
    'A preferred election elects the first replica, if it is alive and in the ISR. Else nothing happens.',
    'Wait until the ISR is 1, 2 and 3; then press the button for the election.',
  ],
  lesson: 'failover',
  minutes: 10,
  tools: [
    {
      label: 'preferred election for t-0',
      actions: () => [{ what: 'preferred-election', topic: 't', partition: 0 }],
    },
  ],
  goals: [
    {
      name: 'failover',
      label: 'broker 1 is not there, and another is elected',
      is: (event) => isToldOfT(event, 'leader-elected', { strategy: 'offline' }) && Number(event.leader) > 1,
      why: ({ state }) => `Broker ${stateOfT(state)?.leader ?? '–'} leads t-0; no failover has happened.`,
    },
    {
      name: 'back',
      label: 'broker 1 leads again, by a preferred election',
      is: (event) => isToldOfT(event, 'leader-elected', { strategy: 'preferred', leader: 1 }),
      why: ({ state }) => {
        const { leader = -1, isr = [] } = stateOfT(state) ?? {};
        if (leader === 1) return 'Broker 1 leads again, but not by a preferred election: begin again.';
        if (isr.includes(1)) return `Broker ${leader} leads, and broker 1 is in the ISR: it may be elected.`;
        return `Broker ${leader} leads, and broker 1 is not in the ISR: it cannot be elected.`;
      },
    },
    {
      name: 'whole',
      label: 'three in the ISR, and p1 goes on',
      is: (event, { state, done }) => isAckedSince(event, 'p1', done.back!) && isrOfT(state).length === 3,
      why: ({ state }) => isrInWords(state),
    },
  ],
};
