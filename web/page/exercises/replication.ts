/** Exercises about acknowledgements and the ISR. */
import { isrInWords, isAckedSince, isCutBetween, isrOfT, isTold, leadersOfT, lostOf, secondsOf } from './ask';
import type { Exercise, Seen } from './script';

const FOR_EVER_MS = 20_000;

/** What else than acks=all keeps p1 from its acknowledgements; undefined: nothing. */
function otherObstacle({ state }: Seen): string | undefined {
  const p1 = state.producers.p1;
  if (p1?.status !== 'running') return 'p1 does not run.';
  const leaders = leadersOfT(state);
  if (leaders.length === 0) return 'No broker that runs leads t-0: p1 waits for a leader, not for acks=all.';
  if (leaders.some((broker) => isCutBetween(state, p1.host, broker)))
    return 'The link between p1 and the leader is cut: p1 waits for an answer, not for acks=all.';
  return p1.waiting === 0 ? `p1 is acknowledged whatever it sends. ${isrInWords(state)}` : undefined;
}

export const ACKS_ALL_WAITS: Exercise = {
  name: 'acks-all-waits',
  title: 'acks=all waits for ever',
  task:
    'p1 writes with acks=all. Make it wait for twenty seconds without a single acknowledgement, while a ' +
    'leader runs and p1 can reach it.',
  hints: [
    'acks=all waits for all that are in sync. How many must that be at least?',
    'The topic has min.insync.replicas=2. The leader alone is one.',
    'Freeze or kill both followers, and wait until the leader is the whole ISR.',
  ],
  lesson: 'isr-shrink',
  minutes: 10,
  goals: [
    {
      name: 'waits',
      label: 'p1 has waited for five seconds, and the leader runs',
      is: ({ atMs }, { notes }) => atMs - (notes.since ?? atMs) >= 5000,
      why: (seen) => otherObstacle(seen) ?? `p1 was acknowledged a moment ago. ${isrInWords(seen.state)}`,
    },
    {
      name: 'for-ever',
      label: 'and for twenty',
      is: ({ atMs }, { notes }) => atMs - (notes.since ?? atMs) >= FOR_EVER_MS,
      why: (seen) => {
        const waitedMs = seen.state.nowMs - (seen.notes.since ?? seen.state.nowMs);
        return (
          otherObstacle(seen) ??
          `p1 has waited for ${secondsOf(waitedMs)} of ${FOR_EVER_MS / 1000}. ${isrInWords(seen.state)}`
        );
      },
    },
  ],
  spoils: (event, seen) =>
    isTold(event, 'acked', { producer: 'p1' })
      ? { goals: ['waits'], why: `p1 was acknowledged again. ${isrInWords(seen.state)}` }
      : undefined,
  watch: (event, seen) => {
    const isFree = !isTold(event, 'acked', { producer: 'p1' }) && otherObstacle(seen) === undefined;
    return isFree && seen.notes.since !== undefined ? seen.notes : { ...seen.notes, since: event.atMs };
  },
};

export const ISR_TO_ONE: Exercise = {
  name: 'isr-to-one',
  title: 'The ISR to one, and back',
  task:
    'Bring the ISR of t-0 down to one member, and back to all three. Nothing that was acknowledged may be ' +
    'lost, and in the end p1 must be acknowledged again.',
  hints: [
    'A follower leaves the ISR when it lags for replica.lag.time.max.ms, or when its session ends.',
    'Freeze or kill both followers, and watch the ISR in ZooKeeper, below /brokers/topics/t.',
    'Let both go on, and wait: a follower joins again once it has all that the leader has committed.',
  ],
  lesson: 'isr-shrink',
  minutes: 5,
  goals: [
    {
      name: 'one',
      label: 'the ISR has one member',
      is: (_, { state }) => isrOfT(state).length === 1,
      why: ({ state }) => isrInWords(state),
    },
    {
      name: 'three',
      label: 'it has three again',
      is: (_, { state }) => isrOfT(state).length === 3,
      why: ({ state }) => isrInWords(state),
    },
    {
      name: 'acked',
      label: 'p1 is acknowledged again, and nothing is lost',
      is: (event, { state, done }) => isAckedSince(event, 'p1', done.three!) && lostOf(state) === 0,
      why: ({ state }) =>
        lostOf(state) > 0
          ? `${lostOf(state)} acknowledged records are lost: begin again.`
          : 'No record that p1 sent since then was acknowledged yet.',
    },
  ],
};

export const POWER_CUT: Exercise = {
  name: 'power-cut',
  title: 'Lose what acks=all has acknowledged',
  task:
    'All settings are safe: acks=all, min.insync.replicas=2, no unclean election. Lose a record that was ' +
    'acknowledged to p1 all the same, and let p1 go on.',
  hints: [
    'kill -9 ends a process. What it had written is still with the operating system.',
    'Kafka does not wait for the disk: a record is acknowledged when all in sync have it, in memory too.',
    'Cut the power of all brokers at once, and start them again. If nothing was lost, try once more.',
  ],
  lesson: 'acks',
  minutes: 10,
  goals: [
    {
      name: 'lost',
      label: 'an acknowledged record of p1 is lost',
      is: (_, { state }) => lostOf(state, 'p1') > 0,
      why: ({ notes, state }) =>
        leadersOfT(state).length === 0
          ? 'Nobody leads t-0: what is lost is known when somebody does.'
          : notes.cuts === undefined
            ? 'Nothing is lost: no disk lost what it had.'
            : 'Nothing is lost: some replica kept what was acknowledged.',
    },
    {
      name: 'acked',
      label: 'p1 is acknowledged again',
      is: (event, { done }) => isAckedSince(event, 'p1', done.lost!),
      why: () => 'The record is lost; now p1 has to be acknowledged again.',
    },
  ],
  watch: (event, { notes }) =>
    isTold(event, 'fault', { fault: 'power cut' }) ? { ...notes, cuts: (notes.cuts ?? 0) + 1 } : notes,
};
