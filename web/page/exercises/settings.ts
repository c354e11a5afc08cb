/** Exercises about what a setting is worth, and about ZooKeeper. */
import { TWO_REPLICAS } from '../lessons/unclean';
import type { AnyEvent } from '../lessons/script';
import {
  actionOf,
  gapMs,
  isAckedSince,
  isrInWords,
  isrOfT,
  isTold,
  isUp,
  leadersOfT,
  lostOf,
  secondsOf,
  stateOfT,
  topicTool,
  watchAcks,
} from './ask';
import type { Command } from '../../shared/run';
import type { Exercise, Notes, Seen } from './script';

const UNCLEAN = 'unclean.leader.election.enable';

/** The topic of the lesson, with unclean elections. */
const SETUP = TWO_REPLICAS.map((command): Command =>
  command.what === 'create-topic'
    ? { ...command, settings: { ...command.settings, [UNCLEAN]: 'true' } }
    : { ...command, atMs: 2500 },
);

const HARMFUL = ['kill', 'power-cut', 'pause', 'terminate', 'expire-session', 'fill-disk', 'fail-disk'];
const BROKER = /^broker-(\d+)$/;

/** Which brokers an action harms. */
function harmedBy(
  event: AnyEvent,
): { readonly how: string; readonly brokers: readonly number[] } | undefined {
  const action = actionOf(event);
  const how = String(action?.what);
  if (HARMFUL.includes(how)) return { how, brokers: [Number(action!.broker)] };
  if (how !== 'cut-link') return undefined;
  const ends = [action!.from, action!.to].map((host) => Number(BROKER.exec(String(host))?.[1]));
  return { how, brokers: ends.filter((broker) => !Number.isNaN(broker)) };
}

/** A fault in words that fit another broker in the same place: `kill the leader, ISR of 1`. */
function faultsIn(event: AnyEvent, { state }: Seen): string[] {
  const harmed = harmedBy(event);
  const { leader, isr = [] } = stateOfT(state) ?? {};
  return (harmed?.brokers ?? []).map((broker) => {
    const isReplica = broker <= 2;
    const who =
      broker === leader ? `the leader, ISR of ${isr.length}` : isReplica ? 'the follower' : 'another';
    return `${harmed!.how} ${who}`;
  });
}

/** How often each fault happened in a phase; noted as `PHASE:FAULT`. */
const faultsOf = (notes: Notes, phase: string): [fault: string, times: number][] =>
  Object.entries(notes)
    .filter(([name]) => name.startsWith(`${phase}:`))
    .map(([name, times]) => [name.slice(phase.length + 1), times]);

const missingFaults = (notes: Notes): string[] =>
  faultsOf(notes, 'before')
    .filter(([fault, times]) => times > (notes[`again:${fault}`] ?? 0))
    .map(([fault]) => fault);

const forget = (notes: Notes, names: RegExp): Notes =>
  Object.fromEntries(Object.entries(notes).filter(([name]) => !names.test(name)));

/** Longer than a session lasts. */
const MENDED_MS = 8000;

/** Both replicas run and are in sync, and whatever was done last has had its time. */
const isWhole = ({ state, notes }: Seen): boolean =>
  state.nowMs - notes.harmedMs! > MENDED_MS &&
  [1, 2].every((broker) => isUp(state, broker)) &&
  isrOfT(state).length === 2;

const settingsIn = (notes: Notes): string[] => faultsOf(notes, 'set').map(([name]) => name);

export const LOST_THEN_HARMLESS: Exercise = {
  name: 'lost-then-harmless',
  title: 'Lose a record, then make the same faults harmless',
  task:
    'Lose a record that p1 was acknowledged with acks=all, and make the cluster whole again. Then change ' +
    'one setting of the topic, do the same faults again, and lose nothing more.',
  hints: [
    't has two replicas, min.insync.replicas=1, and unclean election is on. Read the lesson on it first.',
    'Kill the follower, wait until the ISR is one and p1 goes on; kill the leader; start the follower.',
    'Both are in the ISR again: which setting forbids that election? Which refuses what one replica has?',
  ],
  lesson: 'unclean',
  minutes: 20,
  run: { scene: 'empty' },
  setup: SETUP,
  tools: [
    topicTool(UNCLEAN, 'false'),
    topicTool('min.insync.replicas', '2'),
    topicTool('retention.ms', '1000'),
    topicTool('flush.messages', '100'),
  ],
  goals: [
    {
      name: 'lost',
      label: 'an acknowledged record of p1 is lost',
      is: (_, { state }) => lostOf(state, 'p1') > 0,
      keep: (_, { state }) => ({ lost: lostOf(state, 'p1') }),
      why: ({ state }) =>
        leadersOfT(state).length === 0
          ? 'Nobody leads t-0: what is lost is known when somebody does.'
          : `Nothing is lost. ${isrInWords(state)}`,
    },
    {
      name: 'whole',
      label: 'both replicas are in the ISR again, and p1 is acknowledged',
      is: (event, { state, done }) => isrOfT(state).length === 2 && isAckedSince(event, 'p1', done.lost!),
      keep: (_, { state }) => ({ lost: lostOf(state, 'p1') }),
      why: ({ state }) => `Records are lost; now make the cluster whole. ${isrInWords(state)}`,
    },
    {
      name: 'changed',
      label: 'one setting of the topic is changed',
      is: (_, { notes }) => settingsIn(notes).length === 1,
      why: () => 'No setting was changed since the loss.',
    },
    {
      name: 'again',
      label: 'the same faults happen again',
      is: (_, { notes }) => faultsOf(notes, 'again').length > 0 && missingFaults(notes).length === 0,
      why: ({ notes }) => `Not yet again: ${missingFaults(notes).join('; ') || 'any fault'}.`,
    },
    {
      name: 'kept',
      label: 'p1 is acknowledged again, and no more is lost',
      is: (event, { state, done, notes }) =>
        isAckedSince(event, 'p1', done.again!) &&
        lostOf(state, 'p1') <= notes.lost! &&
        settingsIn(notes).length === 1,
      why: ({ state, notes }) =>
        settingsIn(notes).length > 1
          ? `More than one setting was changed: ${settingsIn(notes).join(', ')}. Begin again.`
          : `The same faults have happened; p1 has to be acknowledged again. ${isrInWords(state)}`,
    },
  ],
  spoils: (event, { state, notes, done }) =>
    event.what === 'verdict' && 'whole' in done && lostOf(state, 'p1') > notes.lost!
      ? {
          goals: ['whole', 'changed', 'again'],
          why: `${lostOf(state, 'p1') - notes.lost!} more were lost: that was not the setting.`,
        }
      : undefined,
  watch: (event, seen) => {
    const { notes, done } = seen;
    // What was lost once more begins the second part anew.
    if ('lost' in done && !('whole' in done) && notes.part === 2) return forget(notes, /^(again|set|part)/);
    if ('whole' in done && notes.part === undefined) return { ...notes, part: 2 };
    const action = actionOf(event);
    if (action?.what === 'set-topic' && 'lost' in done)
      return { ...notes, [`set:${String(action.name)}`]: 1 };
    // Faults that lost nothing, and were mended since then, are no part of it.
    if (!('lost' in done) && notes.harmedMs !== undefined && isWhole(seen))
      return forget(notes, /^(before|harmed)/);
    const phase = 'lost' in done ? ('changed' in done ? 'again' : undefined) : 'before';
    if (phase === undefined) return notes;
    const names = faultsIn(event, seen).map((fault) => `${phase}:${fault}`);
    return names.reduce(
      (all: Notes, name) => ({ ...all, [name]: (all[name] ?? 0) + 1, harmedMs: event.atMs }),
      notes,
    );
  },
};

const DOWN_MS = 15_000;
const MAX_GAP_MS = 2000;

export const ZOOKEEPER_UNNOTICED: Exercise = {
  name: 'zookeeper-unnoticed',
  title: 'No ZooKeeper, and nobody notices',
  task:
    'Stop ZooKeeper for fifteen seconds, longer than any session lasts, and start it again. p1 must never ' +
    'wait for more than two seconds, and t-0 keeps its leader.',
  hints: [
    'Click ZooKeeper: it can be taken down and brought up.',
    'What is needed of ZooKeeper while nothing else fails?',
    'Do nothing else: no broker may die meanwhile.',
  ],
  lesson: 'zookeeper-gone',
  minutes: 5,
  goals: [
    {
      name: 'down',
      label: 'ZooKeeper is down',
      is: (event) => isTold(event, 'fault', { fault: 'ZooKeeper down' }),
      keep: (event, { state }) => ({ downMs: event.atMs, leader: leadersOfT(state)[0] ?? -1 }),
      why: () => 'ZooKeeper is up.',
    },
    {
      name: 'long',
      label: 'it stays down for fifteen seconds, and p1 goes on',
      is: (event, { notes }) => isAckedSince(event, 'p1', notes.downMs! + DOWN_MS),
      why: ({ state, notes }) =>
        `ZooKeeper has been down for ${secondsOf(state.nowMs - notes.downMs!)} of ${DOWN_MS / 1000}.`,
    },
    {
      name: 'up',
      label: 'it is up again',
      is: (event) => isTold(event, 'fault', { fault: 'ZooKeeper up' }),
      why: () => 'It is still down.',
    },
    {
      name: 'same',
      label: 'ten seconds later t-0 has its leader, and p1 goes on',
      is: (event, { state, done, notes }) =>
        isAckedSince(event, 'p1', done.up! + 10_000) && stateOfT(state)?.leader === notes.leader,
      why: ({ state, notes }) =>
        stateOfT(state)?.leader === notes.leader
          ? 'It is up again. Wait: is the leader still the same in ten seconds?'
          : `Broker ${stateOfT(state)?.leader} leads t-0, and broker ${notes.leader} did.`,
    },
  ],
  spoils: (event, { notes, done }) => {
    const all = ['down', 'long', 'up'];
    if (isTold(event, 'fault', { fault: 'ZooKeeper up' }) && !('long' in done))
      return {
        goals: all,
        why: `It was down for ${secondsOf(event.atMs - (notes.downMs ?? event.atMs))} only.`,
      };
    const waitedMs = gapMs(event, notes);
    if (waitedMs <= MAX_GAP_MS) return undefined;
    return { goals: all, why: `p1 waited for ${secondsOf(waitedMs)} until it was acknowledged.` };
  },
  watch: (event, { notes }) => watchAcks(event, notes),
};
