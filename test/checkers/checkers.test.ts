/** Each checker finds what it is for: the violation is planted, and a clean history passes. */
import { divergentLogs, leadersPerEpoch, StateWriteChecker } from '../../src/checkers/check-cluster';
import { checkHistory, duplicates } from '../../src/checkers/check-history';
import { History } from '../../src/checkers/history';
import { controllerFailoverSpans, leaderFailoverSpans } from '../../src/lab/spans';
import { joinLines, splitLines } from '../../src/lab/stories/failover';
import { account, SendLog } from '../../src/lab/workload';
import { Prng } from '../../src/simulation/prng';

const tp = { topic: 't', partition: 0 };

function history(final: string[], plant: (history: History) => void = () => {}): string[] {
  const one = new History();
  ['a', 'b', 'c'].forEach((id, i) =>
    Object.assign(one.send(id, 'p', i, tp), { outcome: 'acked', offset: i }),
  );
  Object.assign(one.send('d', 'p', 3, tp), { outcome: 'unknown' });
  final.forEach((id, offset) => one.readFinal(tp, offset, id));
  ['a', 'b'].forEach((id, offset) => one.read('reader', tp, offset, id));
  plant(one);
  return checkHistory(one, { ackedIsDurable: true, ordered: true }).map((text) => text.split(':')[0]!);
}

test('a clean history passes, also with a duplicate and an unknown that was written', () => {
  expect(history(['a', 'b', 'c'])).toEqual([]);
  expect(history(['a', 'b', 'c', 'd', 'd'])).toEqual([]);
  const one = new History();
  ['a', 'b', 'a'].forEach((id, offset) => one.readFinal(tp, offset, id));
  expect(duplicates(one)).toBe(1);
});

test('planted violations are found, each by its checker', () => {
  expect(history(['a', 'b'])).toContain('NoAckedWriteLost');
  expect(history(['a', 'b', 'd'])).toContain('NoAckedWriteLost');
  expect(history(['a', 'b', 'c', 'ghost'])).toContain('NoPhantom');
  expect(
    history(['a', 'b', 'c', 'd'], (one) => {
      one.sent.get('d')!.outcome = 'failed';
    }),
  ).toContain('NoPhantom');
  expect(history(['a', 'b', 'c'], (one) => one.read('other', tp, 1, 'c'))).toContain('OffsetsAgree');
  expect(history(['a', 'b', 'c'], (one) => one.read('reader', tp, 3, 'c'))).toContain('ReadsInOrder');
  expect(history(['a', 'b', 'c'], (one) => one.read('reader', tp, 0, 'a'))).toContain('ReadsInOrder');
  expect(
    history(['a', 'b', 'c', 'd'], (one) => {
      one.sent.get('c')!.outcome = 'unknown';
      Object.assign(one.sent.get('c')!, { sequence: 9 });
    }),
  ).toContain('SendsInOrder');
});

test('a repeated record whose first copy was deleted is not out of order, one that was never sooner is', () => {
  const check = (final: readonly (readonly [number, string])[], unique: boolean, read = '') => {
    const one = new History();
    ['a', 'b', 'c'].forEach((id, i) => one.send(id, 'p', i, tp));
    for (const [offset, id] of final) one.readFinal(tp, offset, id);
    [...read].forEach((id, offset) => one.read('reader', tp, offset, id));
    return checkHistory(one, { ackedIsDurable: true, ordered: true, unique }).map(
      (text) => text.split(':')[0]!,
    );
  };
  // Offset 0 was deleted. It may have had the first copy of a.
  const trimmed = [
    [1, 'b'],
    [2, 'a'],
    [3, 'c'],
  ] as const;
  expect(check(trimmed, false)).toEqual([]);
  expect(check(trimmed, false, 'a')).toEqual([]);
  // A reader saw that offset 0 had another record, or the producer writes each record once.
  expect(check(trimmed, false, 'c')).toEqual(['SendsInOrder']);
  expect(check(trimmed, true)).toEqual(['SendsInOrder']);
});

test('planted state writes are found', () => {
  const found: string[] = [];
  const checker = new StateWriteChecker((text) => found.push(text.split(':')[0]!));
  const state = { leader: 1, leaderEpoch: 3, isr: [1, 2], controllerEpoch: 1, zkVersion: 0 };
  const write = (change: object) => {
    found.length = 0;
    checker.stateWritten('t-0', { ...state, ...change }, [1, 2, 3]);
    return [...found];
  };
  checker.controllerEpochWritten(1);
  expect(write({})).toEqual([]);
  expect(write({ isr: [1] })).toEqual([]);
  expect(write({ leader: 3, leaderEpoch: 4 })).toContain('LeaderInIsr');
  expect(write({ leaderEpoch: 2 })).toContain('EpochsNeverGoBack');
  expect(write({ leader: 2, leaderEpoch: 2 })).toContain('OneLeaderPerEpoch');
  expect(write({ leaderEpoch: 5, isr: [1, 9] })).toContain('IsrWithinAssignment');
  checker.controllerEpochWritten(2);
  expect(write({ leaderEpoch: 6 })).toContain('OneController');
  found.length = 0;
  checker.controllerEpochWritten(5);
  expect(found).toContain('EpochsNeverGoBack');
});

test('two leaders in one epoch, and logs that differ below the high watermark, are found', () => {
  const lead = (broker: number, leaderEpoch: number) => ({
    what: 'became-leader',
    broker,
    topic: 't',
    partition: 0,
    leaderEpoch,
  });
  expect(leadersPerEpoch([lead(1, 0), lead(2, 1), lead(2, 1)])).toEqual([]);
  expect(leadersPerEpoch([lead(1, 0), lead(2, 0)])).toHaveLength(1);
  const log = (broker: number, digests: string[], highWatermark: number) => ({
    broker,
    startOffset: 0,
    highWatermark,
    batches: digests.map((digest, baseOffset) => ({ baseOffset, digest })),
  });
  expect(divergentLogs('t-0', [log(1, ['x', 'y'], 2), log(2, ['x', 'z'], 1)])).toEqual([]);
  expect(divergentLogs('t-0', [log(1, ['x', 'y'], 2), log(2, ['x', 'z'], 2)])).toHaveLength(1);
});

test('a story counts what was lost, doubled and out of order', () => {
  const log = new SendLog();
  log.sent = 5;
  [0, 1, 2, 3].forEach((n) => log.onResult(n, null, n));
  expect(account(log, [0, 2, 1, 2])).toEqual({
    sent: 5,
    acked: 4,
    read: 4,
    lost: 1,
    duplicated: 1,
    reordered: 1,
  });
});

test('any bytes, empty lines and a missing last newline survive splitting and joining', () => {
  const random = new Prng('lines');
  for (const file of [
    Buffer.alloc(0),
    Buffer.from('\n'),
    Buffer.from('a'),
    Buffer.from('a\n\n'),
    random.bytes(5000),
    Buffer.from(`${'x'.repeat(200_000)}\n\0\xff`),
  ]) {
    expect(joinLines(splitLines(file)).equals(file)).toBe(true);
  }
});

test('the spans of a failover come from the timeline', () => {
  const timeline = [
    { time: 1000, what: 'broker-change', removed: [1] },
    { time: 1010, what: 'leader-elected', from: 1, leader: 2, leaderEpoch: 4 },
    { time: 1025, what: 'became-leader', broker: 2, leaderEpoch: 4 },
  ];
  expect(leaderFailoverSpans(timeline, 500, 1, 1100)).toEqual({
    detectMs: 500,
    electMs: 10,
    propagateMs: 15,
    clientRecoversMs: 75,
    totalMs: 600,
  });
  expect(
    controllerFailoverSpans(
      [
        { time: 700, what: 'controller-elected' },
        { time: 720, what: 'leader-elected' },
      ],
      500,
      800,
    ),
  ).toMatchObject({ detectMs: 200, electMs: 20, totalMs: 300 });
});
