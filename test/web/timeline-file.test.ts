/** The timeline of a run as a tape: the picture that follows from it, and files that are none. */
import { foldFromStart } from '../../web/shared/fold';
import { readTimeline, TIMELINE_LIMITS, TimelineError } from '../../web/shared/timeline-file';

const START = 1_700_000_000_000;
const T0 = { topic: 't', partition: 0 };
const line = (ms: number, who: string, what: string, fields: object = {}) =>
  JSON.stringify({ time: START + ms, who, what, ...fields });

const elected = { ...T0, strategy: 'offline', unclean: false, controllerEpoch: 1 };
const RUN = [
  line(0, 'broker-1', 'broker-registered', { broker: 1, brokerEpoch: 30 }),
  line(1, 'broker-1', 'broker-started', { broker: 1, brokerEpoch: 30 }),
  line(2, 'broker-2', 'broker-registered', { broker: 2, brokerEpoch: 31 }),
  line(3, 'broker-2', 'broker-started', { broker: 2, brokerEpoch: 31 }),
  line(5, 'broker-2', 'controller-elected', { broker: 2, controllerEpoch: 1 }),
  line(9, 'broker-2', 'leader-elected', { ...elected, from: -1, leader: 1, leaderEpoch: 0, isr: [1, 2] }),
  line(10, 'broker-1', 'became-leader', {
    ...{ broker: 1, ...T0, leader: 1, leaderEpoch: 0, isr: [1, 2], logEndOffset: 0, highWatermark: 0 },
  }),
  line(500, 'story', 'kill -9', { broker: 1, role: 'leader' }),
  line(900, 'broker-2', 'broker-change', { added: [], removed: [1], bounced: [], controllerEpoch: 1 }),
  line(910, 'broker-2', 'leader-elected', { ...elected, from: 1, leader: 2, leaderEpoch: 1, isr: [2] }),
  line(930, 'broker-2', 'became-leader', {
    ...{ broker: 2, ...T0, leader: 2, leaderEpoch: 1, isr: [2], logEndOffset: 57, highWatermark: 56 },
  }),
];
const TEXT = `${RUN.join('\n')}\n`;

test('the picture follows from the events: who runs, who leads, what ZooKeeper holds', () => {
  const { events, endMs, note } = readTimeline(TEXT);
  const at = (ms: number) => foldFromStart(events.filter(({ atMs }) => atMs <= ms));
  expect([endMs, note]).toEqual([1930, null]);
  expect(at(0).brokers[2]!.status).toBe('starting');
  const before = at(499);
  expect(before.brokers[1]).toMatchObject({ status: 'up', brokerEpoch: 30, isController: false });
  expect(before.brokers[2]).toMatchObject({ status: 'up', isController: true, controllerEpoch: 1 });
  expect(before.replicas['1/t-0']).toMatchObject({ role: 'leader', leaderEpoch: 0, isr: [1, 2] });
  const after = at(2000);
  expect(after.brokers[1]!.status).toBe('dead');
  expect(after.replicas['2/t-0']).toMatchObject({
    role: 'leader',
    leaderEpoch: 1,
    logEnd: 57,
    highWatermark: 56,
  });
  expect(JSON.parse(after.znodes['/brokers/topics/t/partitions/0/state']!.data!)).toEqual({
    leader: 2,
    leader_epoch: 1,
    isr: [2],
  });
  expect(Object.keys(after.znodes)).toContain('/brokers/topics/t/partitions');
  expect(at(905).znodes['/brokers/ids/1']!.change).toBe('deleted');
});

test('the verdict that lies beside it is told at its end, if it counts records', () => {
  const counts = { sent: 9, acked: 8, read: 8, lost: 0, duplicated: 1, reordered: 0 };
  const told = (verdict: unknown) => foldFromStart(readTimeline(TEXT, verdict).events).verdict;
  expect(told({ story: 'failover', good: true, ...counts })).toMatchObject({ ...counts, seenMs: 930 });
  for (const other of [undefined, null, 'x', { good: true }, { ...counts, lost: '0' }]) {
    expect(told(other)).toBeNull();
  }
});

test('a fault of the story is a fault of the page, so that the spans of the failover are drawn', () => {
  const { events } = readTimeline(TEXT);
  expect(events.filter(({ what }) => what === 'fault')).toMatchObject([
    { atMs: 500, who: 'story', fault: 'kill -9', target: '1' },
  ]);
});

test('lines of several processes are put in the order of their times', () => {
  const shuffled = [...RUN].reverse().join('\n');
  const plain = ({ events }: ReturnType<typeof readTimeline>) => events.map(({ atMs, what }) => [atMs, what]);
  expect(plain(readTimeline(`${shuffled}\n`))).toEqual(plain(readTimeline(TEXT)));
});

test('a file that is cut off is shown up to there, and says so', () => {
  const { events, note } = readTimeline(TEXT.slice(0, -40));
  expect(note).toContain('cut off');
  expect(events.some(({ atMs }) => atMs === 910)).toBe(true);
});

test.each([
  ['empty', '', 'empty'],
  ['no JSON', 'hello\nworld\n', 'line 1 is not JSON'],
  ['a picture', '\u0089PNG\n\u0000\u0001\n', 'line 1 is not JSON'],
  ['a verdict', '{\n "story": "failover",\n "good": true\n}\n', 'line 1 is not JSON'],
  ['a list', '[1,2]\n', 'line 1 is not an object'],
  ['without times', '{"who":"a","what":"b"}\n', 'line 1 has no time'],
  ['with a time that is none', '{"time":"now","who":"a","what":"b"}\n', 'line 1 has no time'],
  ['without who', '{"time":1,"what":"b"}\n', 'line 1 does not say who'],
  ['without what', `${RUN[0]}\n{"time":1,"who":"a"}\n`, 'line 2 does not say what happened'],
  ['with a broker that can be none', line(0, 'a', 'broker-started', { broker: 1e9 }) + '\n', 'has a broker'],
  ['with a topic that is no name', line(0, 'a', 'truncated', { topic: { a: 1 } }) + '\n', 'has a topic'],
  ['with an ISR that is no list', line(0, 'a', 'isr-changed', { isr: 'all' }) + '\n', 'has an ISR'],
  ['with what the page alone concludes', line(0, 'a', 'znode', { path: 5 }) + '\n', 'no event of a timeline'],
  ['of two runs', `${RUN[0]}\n${JSON.stringify({ time: 5, who: 'a', what: 'b' })}\n`, 'more than one run'],
  ['with a line without end', `${RUN[0]}\n"${'x'.repeat(TIMELINE_LIMITS.lineLength)}"\n`, 'line 2 is longer'],
  ['with too many lines', `${RUN[0]}\n`.repeat(TIMELINE_LIMITS.lines + 1), 'at most 200000'],
])('a file that is %s is refused in words', (_, text, words) => {
  expect(() => readTimeline(text)).toThrow(TimelineError);
  expect(() => readTimeline(text)).toThrow(words);
});

test('a forged line adds nothing to the page but a line', () => {
  const forged = [
    ...RUN,
    line(1000, 'broker-1', 'hello', { broker: 1, status: 'up', seq: 1, atMs: -5 }),
    line(1001, 'broker-2', 'became-leader', { broker: 2, isr: [] }),
    line(1002, '__proto__', 'toString', { path: 5, change: [], data: {} }),
    line(1003, 'story', 'constructor', { broker: 2 }),
  ];
  const { events } = readTimeline(`${forged.join('\n')}\n`);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  const { brokers, znodes } = foldFromStart(events);
  expect(brokers[1]!.status).toBe('dead');
  expect(Object.keys(znodes).every((path) => path.startsWith('/'))).toBe(true);
});
