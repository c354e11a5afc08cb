/** The lesson `truncation-before`: what KIP-101 repaired; followers truncate to their high watermark. */
import { brokerHost } from '../../shared/run';
import { asked, DEATHS, followersOf, leaderOf, nameOf, struck, toldOfT } from './look';
import { LessonScript } from './script';

export const TRUNCATION_BEFORE: LessonScript = {
  name: 'truncation-before',
  short: 'truncation before KIP-101',
  hint: 'A switch brings the old bug back: followers truncate to their high watermark. p1 writes fast:',
  run: {
    scene: 'empty',
    settings: { 'lab.truncate.to.high.watermark': 'true', 'replica.lag.time.max.ms': '600000' },
  },
  setup: [
    {
      what: 'create-topic',
      topic: 't',
      assignment: [[1, 2, 3]],
      settings: { 'min.insync.replicas': '2' },
      atMs: 2000,
    },
    {
      what: 'start-producer',
      producer: 'p1',
      topic: 't',
      acks: 'all',
      isIdempotent: true,
      everyMs: 2,
      bytes: 0,
      settings: { 'linger.ms': '0' },
      atMs: 4500,
    },
  ],
  startMs: 5000,
  predictions: [
    {
      id: 'lost',
      label: 'Lost, though acks=all',
      choices: ['none', 'some'],
      truth: ({ state }) => ((state.verdict?.lost ?? 0) === 0 ? 'none' : 'some'),
    },
    {
      id: 'check',
      label: 'The check of that',
      choices: ['stays green', 'is broken'],
      truth: ({ state }) => (state.checks['acked-kept']?.isGood === false ? 'is broken' : 'stays green'),
    },
  ],
  compare: {
    label: 'the same faults with the switch off',
    settings: { 'lab.truncate.to.high.watermark': 'false' },
  },
  steps: [
    {
      kind: 'break',
      name: 'cut',
      label: () => 'lose the responses to the followers, while they fetch',
      actions: (state) => {
        const leader = leaderOf(state);
        const [next, last] = followersOf(state);
        if (leader === undefined || next === undefined || last === undefined) return undefined;
        const cut = (from: number, to: number) =>
          ({ what: 'cut-link', from: brokerHost(from), to: brokerHost(to), isOneWay: true }) as const;
        return [cut(leader, next), cut(leader, last), cut(next, last)];
      },
      is: asked('cut-link'),
      keep: ({ leader }) => ({ first: leader! }),
    },
    {
      kind: 'sight',
      name: 'acked',
      label: 'their last Fetch says what they have: the leader moves its high watermark, and acknowledges',
      is: (event, { cut }) => toldOfT('acked')(event, {}) && event.atMs > cut!,
    },
    {
      kind: 'break',
      name: 'leader-dies',
      label: (state) => `kill -9 the leader: broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const broker = leaderOf(state);
        if (broker === undefined) return undefined;
        return [
          { what: 'kill', broker },
          { what: 'stop-producer', producer: 'p1' },
        ];
      },
      is: struck('leader', ...DEATHS),
    },
    {
      kind: 'sight',
      name: 'elected',
      label: 'the next of the ISR leads; it has all that was acknowledged',
      is: toldOfT('became-leader'),
      keep: (_, { broker }) => ({ second: Number(broker) }),
    },
    {
      kind: 'sight',
      name: 'truncated',
      label: 'the other has it too, and throws it away: it truncates to its own, older high watermark',
      is: (event) => toldOfT('truncated')(event, {}) && event.from !== event.to,
      after: ['leader-dies'],
    },
    {
      kind: 'break',
      name: 'second-dies',
      label: (state) =>
        `before it can fetch again: kill -9 the new leader, broker ${nameOf(leaderOf(state))}`,
      actions: (state) => {
        const broker = leaderOf(state);
        return broker === undefined ? undefined : [{ what: 'kill', broker }];
      },
      is: struck('leader', ...DEATHS),
      after: ['elected', 'truncated'],
    },
    {
      kind: 'sight',
      name: 'third',
      label: 'it is in the ISR, so it is elected',
      is: toldOfT('became-leader'),
    },
    {
      kind: 'sight',
      name: 'lost',
      label: 'the verdict: acknowledged records are lost, and the check is red',
      is: (event) => event.what === 'verdict' && Number(event.lost) > 0,
    },
  ],
};
