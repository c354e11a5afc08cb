/** The lesson `acks`: what stands above the high watermark was acknowledged to acks=1 alone, and is lost. */
import { brokerHost } from '../../shared/run';
import { cutOff, DEATHS, followersOf, leaderOf, nameOf, struck, told, toldOfT, asked } from './look';
import { LessonScript, Seeing } from './script';

const lostOf =
  (producer: string) =>
  ({ state }: Seeing): string =>
    (state.verdict?.lostOf[producer] ?? 0) === 0 ? 'none' : 'some';

export const ACKS: LessonScript = {
  name: 'acks',
  short: 'acks and the high watermark',
  hint: 'p1 writes with acks=all, p2 with acks=1. The line in a bar is its high watermark. First:',
  // The cut-off leader keeps its ISR for ten minutes: nobody has to hurry.
  run: { settings: { 'replica.lag.time.max.ms': '600000' } },
  setup: [
    {
      what: 'start-producer',
      producer: 'p2',
      topic: 't',
      acks: '1',
      isIdempotent: false,
      everyMs: 250,
      bytes: 0,
      settings: {},
      atMs: 3000,
    },
  ],
  startMs: 5000,
  predictions: [
    { id: 'all', label: 'acks=all lost', choices: ['none', 'some'], truth: lostOf('p1') },
    { id: 'one', label: 'acks=1 lost', choices: ['none', 'some'], truth: lostOf('p2') },
  ],
  steps: [
    {
      kind: 'break',
      name: 'cut',
      label: (state) => `cut the leader, broker ${nameOf(leaderOf(state))}, off from its followers`,
      actions: (state) => {
        const leader = leaderOf(state);
        return leader === undefined ? undefined : cutOff(leader, followersOf(state).map(brokerHost));
      },
      is: asked('cut-link'),
    },
    {
      kind: 'sight',
      name: 'one-acked',
      label: 'p2 is acknowledged: for acks=1 the leader alone is enough',
      is: (event, notes) =>
        told('acked', { producer: 'p2' })(event, notes) && Number(event.sentMs) > notes.cut!,
    },
    {
      kind: 'sight',
      name: 'stands',
      label: 'the high watermark stands, while the log of the leader grows',
      is: (event, { leader }) =>
        toldOfT('replica', { broker: leader })(event, {}) &&
        Number(event.logEnd) - Number(event.highWatermark) >= 6,
      after: ['cut'],
    },
    {
      kind: 'sight',
      name: 'waits',
      label: 'p1 waits: acks=all wants the high watermark to pass its records',
      is: (event) => told('producer', { producer: 'p1' })(event, {}) && Number(event.waiting) >= 3,
      after: ['cut'],
    },
    {
      kind: 'break',
      name: 'leader-dies',
      label: (state) => `kill -9 the leader: broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('leader', ...DEATHS),
      after: ['one-acked', 'stands', 'waits'],
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'a follower of the ISR leads; it has every record below the high watermark',
      is: (event) => toldOfT('leader-elected')(event, {}) && event.leader !== -1,
    },
    {
      kind: 'sight',
      name: 'all-acked',
      label: 'p1 sends again what was not acknowledged: now it is',
      is: told('acked', { producer: 'p1' }),
    },
    {
      kind: 'sight',
      name: 'lost',
      label: 'the verdict counts the records of p2 that were above it: lost',
      is: (event) => event.what === 'verdict' && Number(event.lost) > 0,
      after: ['elected'],
    },
  ],
};
