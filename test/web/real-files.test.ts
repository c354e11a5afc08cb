/** What the lab reads of real brokers' files while they write them: lines of timelines, ends of logs. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { EventHub } from '../../web/server/event-hub';
import { optionsOf } from '../../web/server/options';
import { LineTail } from '../../web/server/real/line-tail';
import { checkpointOf, LogFolder, partitionOfFolder } from '../../web/server/real/log-files';
import { RealChecks } from '../../web/server/real/real-checks';
import { ReplicaBook } from '../../web/server/real/replica-book';
import { LabEvent } from '../../web/shared/events';

let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-files-'));
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

describe('a timeline that grows', () => {
  const file = () => path.join(directory, 'timeline.ndjson');
  const lines: string[] = [];
  let tail: LineTail;
  beforeEach(() => {
    lines.length = 0;
  });
  afterEach(() => tail.close());

  test('each line is told once, when it is whole, whatever pieces it is written in', () => {
    tail = new LineTail(file(), (line) => lines.push(line));
    for (const piece of ['one\ntw', 'o\n', 'thr', 'ee', '\n']) {
      fs.appendFileSync(file(), piece);
      tail.look();
    }
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  test('of a long history the end is told, from a line’s beginning', () => {
    fs.writeFileSync(file(), `${'x'.repeat(99)}\n`.repeat(20_000));
    tail = new LineTail(file(), (line) => lines.push(line));
    expect(lines.length).toBeGreaterThan(1000);
    expect(lines.length).toBeLessThan(20_000);
    expect(lines.every((line) => line.length === 99)).toBe(true);
  });

  test('a file that begins again is read again, and a line without end is left out', () => {
    tail = new LineTail(file(), (line) => lines.push(line));
    fs.appendFileSync(file(), `${'x'.repeat(400_000)}\nafter\n`);
    tail.look();
    fs.writeFileSync(file(), 'new\n');
    tail.look();
    expect(lines).toEqual(['after', 'new']);
  });
});

/** The beginning of a batch, which is all that is looked at. */
function batch(baseOffset: number, records: number, epoch = 0): Buffer {
  const bytes = Buffer.alloc(12 + 80);
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  bytes.writeInt32BE(80, 8);
  bytes.writeInt32BE(epoch, 12);
  bytes.writeInt32BE(records - 1, 23);
  return bytes;
}

describe('the log of a partition', () => {
  const segment = (base: number) => path.join(directory, `${String(base).padStart(20, '0')}.log`);

  test('ends after the last whole batch, also while the next is being written', () => {
    const log = new LogFolder(directory);
    expect(log.positions()).toBeUndefined();
    fs.writeFileSync(segment(0), batch(0, 3));
    expect(log.positions()).toMatchObject({ logStart: 0, logEnd: 3, segments: [0] });
    const next = batch(3, 2);
    fs.appendFileSync(segment(0), next.subarray(0, 40));
    expect(log.positions()!.logEnd).toBe(3);
    fs.appendFileSync(segment(0), next.subarray(40));
    expect(log.positions()!.logEnd).toBe(5);
  });

  test('goes on in a new segment, and begins with the oldest that is left', () => {
    const log = new LogFolder(directory);
    fs.writeFileSync(segment(0), batch(0, 3));
    log.positions();
    fs.writeFileSync(segment(3), '');
    expect(log.positions()).toMatchObject({ logEnd: 3, segments: [0, 3] });
    fs.appendFileSync(segment(3), batch(3, 4));
    fs.rmSync(segment(0));
    expect(log.positions()).toMatchObject({ logStart: 3, logEnd: 7, segments: [3] });
  });

  test('a truncation is seen, even if as much was written after it', () => {
    const log = new LogFolder(directory);
    fs.writeFileSync(segment(0), Buffer.concat([batch(0, 3), batch(3, 5)]));
    expect(log.positions()!.logEnd).toBe(8);
    fs.writeFileSync(segment(0), Buffer.concat([batch(0, 3), batch(3, 1, 1), batch(4, 1, 1)]));
    expect(log.positions()!.logEnd).toBe(5);
  });

  test('what is no batch ends it', () => {
    fs.writeFileSync(segment(0), Buffer.concat([batch(0, 3), Buffer.alloc(200)]));
    expect(new LogFolder(directory).positions()!.logEnd).toBe(3);
  });

  test('its leader epochs and checkpoints are read, and half a file of them is none', () => {
    fs.writeFileSync(segment(0), '');
    fs.writeFileSync(path.join(directory, 'leader-epoch-checkpoint'), '0\n2\n0 0\n3 57\n');
    expect(new LogFolder(directory).positions()!.epochs).toEqual([
      [0, 0],
      [3, 57],
    ]);
    fs.writeFileSync(path.join(directory, 'points'), '0\n1\nmy.topic 4 77\n');
    expect(checkpointOf(directory, 'points').get('my.topic-4')).toBe(77);
    fs.writeFileSync(path.join(directory, 'points'), '0\n');
    expect([checkpointOf(directory, 'points').size, checkpointOf(directory, 'none').size]).toEqual([0, 0]);
  });

  test('folders that are no logs are told from those that are', () => {
    expect(partitionOfFolder('a-b-12')).toEqual({ topic: 'a-b', partition: 12 });
    for (const name of ['.lock', 'meta.properties', 't-0.abc-delete', 'cleaner']) {
      expect(partitionOfFolder(name)).toBeUndefined();
    }
  });
});

describe('what is told of a real cluster', () => {
  const events: LabEvent[] = [];
  let hub: EventHub;
  beforeEach(() => {
    events.length = 0;
    hub = new EventHub({ title: '', cannot: {} });
    hub.onEvent.push((event) => events.push(event));
  });
  afterEach(() => hub.end(''));
  const broken = () =>
    events.filter((event) => event.what === 'check' && !(event as { isGood?: boolean }).isGood);
  const T0 = { topic: 't', partition: 0 };
  const state = (leader: number, leaderEpoch: number, isr: number[]) => ({ leader, leaderEpoch, isr });

  test('promises that hold are told as kept, and the first that breaks one is told with why', () => {
    const checks = new RealChecks(hub);
    checks.stateIs(T0, state(1, 0, [1, 2]), [1, 2]);
    checks.highWatermarkIs(T0, 0, 10);
    // A new leader begins with what it knew as a follower.
    checks.highWatermarkIs(T0, 1, 9);
    checks.stateIs(T0, state(2, 1, [2]), [1, 2]);
    expect(broken()).toEqual([]);
    checks.highWatermarkIs(T0, 1, 8);
    checks.stateIs(T0, state(1, 0, [2]), [2]);
    expect(broken().map((event) => (event as { check?: string }).check)).toEqual([
      'high-watermark',
      'epochs',
      'leader-in-isr',
    ]);
  });

  test('two leaders of one epoch are found, and a record lost to acks=1 is no broken promise', () => {
    const checks = new RealChecks(hub);
    const leads = (broker: number) =>
      checks.hear({
        seq: 1,
        atMs: 0,
        who: `broker-${broker}`,
        what: 'became-leader',
        broker,
        ...T0,
        leaderEpoch: 4,
      });
    leads(1);
    leads(1);
    checks.producerStarts('p1', '1');
    checks.producerStarts('p2', 'all');
    const verdict = { sent: 9, acked: 9, read: 9, lost: 1, duplicated: 0, reordered: 0, duplicatedOf: {} };
    checks.verdictIs({ what: 'verdict', ...verdict, lostOf: { p1: 1 } });
    expect(broken()).toEqual([]);
    leads(2);
    checks.verdictIs({ what: 'verdict', ...verdict, lostOf: { p2: 1 } });
    expect(broken().map((event) => (event as { check?: string }).check)).toEqual([
      'one-leader',
      'acked-kept',
    ]);
  });

  test('a broker that has not heard of its successor is drawn as it believes', () => {
    const book = new ReplicaBook(hub, (_, run) => run());
    const roles = () =>
      Object.fromEntries(
        events.flatMap((event) =>
          event.what === 'replica'
            ? [[(event as { broker: number }).broker, (event as { role: string }).role]]
            : [],
        ),
      );
    book.assigned('t', 0, [1, 2]);
    book.stateIs('t', 0, state(1, 0, [1, 2]));
    expect(roles()).toEqual({ 1: 'leader', 2: 'follower' });
    const became = { seq: 1, atMs: 0, who: 'broker-1', what: 'became-leader', broker: 1, ...T0 };
    book.hear({ ...became, leader: 1, leaderEpoch: 0, isr: [1, 2] } as LabEvent, true);
    book.stateIs('t', 0, state(2, 1, [2]));
    expect(roles()).toEqual({ 1: 'leader', 2: 'leader' });
  });
});

test('the command line says what is wrong with it', () => {
  expect(optionsOf(['page', '--real', '--brokers', '5'])).toMatchObject({
    isReal: true,
    brokers: 5,
    profile: 'classroom',
  });
  const wrong: [string[], string][] = [
    [['page', '--brokers', '0'], 'from 1 to 9'],
    [['page', '--port', 'x'], '--port wants'],
    [['page', '--attach'], 'wants a value'],
    [['page', '--attach', '--real'], 'wants a value'],
    [['page', '--real', '--replay', 'f'], 'do not go together'],
    [['page', '--fast'], 'not known'],
    [[], 'which folder'],
  ];
  for (const [args, words] of wrong) expect(() => optionsOf(args)).toThrow(words);
});
