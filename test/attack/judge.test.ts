/** What counts as harm, what as slow, and the table in which it stands. */
import { Experience } from '../../src/attack/bystanders';
import { isBack, judge, Observation, Standing } from '../../src/attack/judge';
import { Latencies, percentile } from '../../src/attack/latencies';
import { AnswerCounter } from '../../src/attack/lane';
import { markdown, Row, tableLines } from '../../src/attack/report';

const MB = 1024 * 1024;
const figures = (p99Ms: number, worstMs = p99Ms) => ({ count: 100, p99Ms, worstMs });
const experience = (p99Ms: number, worstMs?: number): Experience => {
  const one = figures(p99Ms, worstMs);
  return { produce: one, consume: one, commit: one, errors: [], rebalances: 0 };
};
const standing = (changes: Partial<Standing['brokers'][0]> = {}, more: Partial<Standing> = {}): Standing => ({
  brokers: [
    {
      id: 1,
      residentBytes: 100 * MB,
      descriptors: 50,
      logLines: 10,
      forgedLines: 0,
      surprises: 0,
      lastSurprise: '',
      ...changes,
    },
  ],
  controllerEpoch: 1,
  leaderEpochs: { 'bystander-0': 0 },
  isrs: { 'bystander-0': '1,2,3' },
  ...more,
});
const observation = (changes: Partial<Observation> = {}): Observation => ({
  name: 'x',
  inputs: 1000,
  outcomes: { answered: 900, closed: 100, silent: 0, refused: 0 },
  quiet: experience(5),
  attacked: experience(10),
  before: standing(),
  after: standing(),
  peakBytes: 120 * MB,
  peakDescriptors: 60,
  missing: 0,
  attackerFailed: undefined,
  ...changes,
});
const problems = (changes: Partial<Observation>, isStrict = false) =>
  judge(observation(changes), isStrict).problems;

test('an attack that nobody noticed did no harm', () => {
  expect(judge(observation(), true)).toEqual({ problems: [], slow: [] });
});

test.each<[string, Partial<Observation>]>([
  ['a broker that ended', { after: standing({ residentBytes: undefined, descriptors: undefined }) }],
  ['memory that does not come back', { after: standing({ residentBytes: 300 * MB }) }],
  ['memory beyond every bound', { peakBytes: 1200 * MB }],
  ['descriptors that do not come back', { after: standing({ descriptors: 200 }) }],
  ['a line of the log that a client wrote', { after: standing({ forgedLines: 1 }) }],
  ['an error that nobody had thought of', { after: standing({ surprises: 1, lastSurprise: 'TypeError' }) }],
  ['a leader that moved', { after: standing({}, { leaderEpochs: { 'bystander-0': 1 } }) }],
  ['a controller that moved', { after: standing({}, { controllerEpoch: 2 }) }],
  ['an acknowledged record that is lost', { missing: 1 }],
  ['a group that lost its partitions', { attacked: { ...experience(5), rebalances: 1 } }],
  ['waits of minutes', { attacked: experience(60_000) }],
  [
    'nothing that went through',
    { attacked: { ...experience(0), produce: { count: 0, p99Ms: 0, worstMs: 0 } } },
  ],
  ['an attacker that failed', { attackerFailed: 'exit code 1' }],
])('%s is harm on any machine', (_, changes) => {
  expect(problems(changes).length).toBeGreaterThan(0);
});

test('a wait above the bound of a quiet machine is told, and is harm only if the run is strict', () => {
  const slow = { attacked: experience(60, 1200) };
  expect(judge(observation(slow), false)).toMatchObject({
    problems: [],
    slow: expect.arrayContaining([expect.stringContaining('produce: p99 60 ms, quiet 5 ms')]),
  });
  expect(problems(slow, true).length).toBe(6);
});

test('what is slow without an attack is no harm of the attack', () => {
  expect(judge(observation({ quiet: experience(400, 3000), attacked: experience(900, 7000) }), true)).toEqual(
    { problems: [], slow: [] },
  );
});

test('recovery is over when memory and descriptors are back', () => {
  expect(isBack(standing(), standing())).toBe(true);
  expect(isBack(standing(), standing({ residentBytes: 400 * MB }))).toBe(false);
});

test('the 99th percentile is that of all, and a wait without an end counts', () => {
  expect(percentile([], 0.99)).toBe(0);
  expect(
    percentile(
      Array.from({ length: 100 }, (_, i) => i + 1),
      0.99,
    ),
  ).toBe(99);
  const latencies = new Latencies();
  for (let i = 0; i < 10; i++) latencies.add(5);
  expect(latencies.figures()).toEqual({ count: 10, p99Ms: 5, worstMs: 5 });
  // One that has just begun says nothing; one that hangs is the worst.
  expect(latencies.figures([1, 700])).toEqual({ count: 10, p99Ms: 700, worstMs: 700 });
  latencies.reset();
  expect(latencies.figures()).toEqual({ count: 0, p99Ms: 0, worstMs: 0 });
});

test('the table has a row for each attack, and the Markdown names what was wrong', () => {
  const attack = { name: 'half-frames', sends: 'halves', expected: 'their end' };
  const seen = observation({ missing: 2 });
  const row: Row = { attack, seen, verdict: judge(seen, false) };
  expect(tableLines([row, row]).length).toBe(3);
  expect(tableLines([row])[1]).toContain('HARM');
  const lines = markdown([row]).trimEnd().split('\n');
  expect(lines.length).toBe(3);
  expect(lines[2]).toContain('| `half-frames` | halves | their end |');
  expect(lines[2]).toContain('HARM: 2 acknowledged records cannot be read');
});

test('answers are counted as they go by, in whatever pieces they come', () => {
  const frames = Buffer.concat(
    [5, 0, 1000].map((length) => {
      const frame = Buffer.alloc(4 + length, 7);
      frame.writeUInt32BE(length);
      return frame;
    }),
  );
  expect(new AnswerCounter().push(frames)).toBe(3);
  const byByte = new AnswerCounter();
  expect([...frames].reduce((sum, byte) => sum + byByte.push(Buffer.of(byte)), 0)).toBe(3);
});
