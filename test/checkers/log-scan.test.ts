/** The scan of a log finds what contradicts its batches, and nothing in a log that was only used. */
import { scanLog } from '../../src/checkers/log-scan';
import { buildBatch } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { Prng } from '../../src/simulation/prng';
import { SimLog, simLog } from '../support/sim-log';

const SMALL = { 'segment.bytes': '600', 'index.interval.bytes': '100', 'file.delete.delay.ms': '0' };

/** Segments, epochs and two producers. */
async function used(): Promise<SimLog> {
  const one = await simLog(SMALL);
  for (let i = 0; i < 20; i++) {
    one.nowMs += 5;
    one.append(1, 1 + Math.floor(i / 6), {
      producerId: i % 2,
      producerEpoch: 0,
      baseSequence: Math.floor(i / 2),
    });
  }
  expect(scanLog(one.log)).toEqual([]);
  return one;
}

const rulesOf = ({ log }: SimLog) => [...new Set(scanLog(log).map((text) => text.split(':')[0]))];

test('a log that was appended to, rolled, truncated, trimmed, closed or killed contradicts nothing', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Prng(`scan/${seed}`);
    const one = await simLog({ ...SMALL, 'retention.bytes': '3000' });
    let epoch = 0;
    const sequences = new Map<number, number>();
    for (let step = 0; step < 60; step++) {
      one.nowMs += random.below(20);
      const { log } = one;
      const action = random.pick([
        'append',
        'append',
        'append',
        'elect',
        'truncate',
        'trim',
        'retention',
        'restart',
        'roll',
      ] as const);
      if (action === 'append') {
        const producerId = random.below(3);
        const baseSequence = sequences.get(producerId) ?? 0;
        const records = 1 + random.below(3);
        const values = Array.from({ length: records }, () => ({
          timestamp: one.nowMs - random.below(30),
          value: Buffer.from('v'),
        }));
        log.appendAsLeader(buildBatch(values, { producerId, producerEpoch: 0, baseSequence }), epoch);
        sequences.set(producerId, baseSequence + records);
        log.updateHighWatermark(log.logEndOffset);
      } else if (action === 'elect') log.epochs.assign(++epoch, log.logEndOffset);
      else if (action === 'truncate' && log.logEndOffset > log.logStartOffset) {
        log.truncateTo(log.logEndOffset - random.below(Math.min(6, log.logEndOffset - log.logStartOffset)));
        for (const { producerId } of log.producerState.all)
          sequences.set(producerId, log.producerState.get(producerId)!.batches.at(-1)!.lastSequence + 1);
        for (const id of sequences.keys()) if (log.producerState.get(id) === undefined) sequences.set(id, 0);
      } else if (action === 'trim')
        log.maybeIncrementLogStartOffset(
          log.logStartOffset + random.below(log.highWatermark - log.logStartOffset + 1),
        );
      else if (action === 'retention') log.deleteOldSegments();
      else if (action === 'roll') log.roll();
      else if (action === 'restart') {
        const isClean = random.chance(0.5);
        const { logStartOffset } = log;
        if (isClean) await log.close();
        else {
          if (random.chance(0.5)) await log.flush();
          log.closeFiles();
        }
        await one.open({ cleanShutdown: isClean, recoveryPoint: log.recoveryPoint, logStartOffset });
      }
      expect({ seed, step, action, found: scanLog(one.log) }).toEqual({ seed, step, action, found: [] });
    }
  }
});

test('EpochsFit: an epoch is missing, is too many, begins elsewhere, or lies beyond the end', async () => {
  const plants: ((one: SimLog) => void)[] = [
    ({ log }) => log.epochs.truncateFromEnd(10),
    ({ log }) => {
      log.epochs.assign(9, 20);
      log.epochs.assign(10, 22);
    },
    ({ log }) => log.epochs.assign(1, 7),
    ({ log }) => log.epochs.clear(),
    ({ log }) => log.epochs.assign(9, 17),
  ];
  for (const plant of plants) {
    const one = await used();
    plant(one);
    expect(rulesOf(one)).toEqual(['EpochsFit']);
  }
});

test('a leader that has not written yet is no violation', async () => {
  const one = await used();
  one.log.epochs.assign(9, one.log.logEndOffset);
  expect(scanLog(one.log)).toEqual([]);
});

test('IndexesFit: an entry of either index that is wrong', async () => {
  const one = await used();
  const [segment] = one.log.allSegments;
  segment!.index.reset();
  segment!.index.append(3, 17);
  expect(rulesOf(one)).toEqual(['IndexesFit']);
  const other = await used();
  const [first] = other.log.allSegments;
  first!.timeIndex.reset();
  first!.timeIndex.append(1, 2);
  expect(rulesOf(other)).toEqual(['IndexesFit']);
});

test('ProducersFit: a producer is forgotten, remembered from elsewhere, or remembered wrongly', async () => {
  const forgotten = await used();
  forgotten.log.producerState.clear();
  expect(scanLog(forgotten.log).map((text) => text.replace(/^.*: /, ''))).toEqual([
    'producer 0 is not known',
    'producer 1 is not known',
  ]);
  expect(scanLog(forgotten.log, { expiredBeforeMs: forgotten.nowMs })).toEqual([]);
  const foreign = await used();
  const stranger = await simLog();
  stranger.append(1, 0, { producerId: 5, producerEpoch: 0, baseSequence: 0 });
  foreign.log.producerState.restore([...foreign.log.producerState.all, ...stranger.log.producerState.all]);
  expect(rulesOf(foreign)).toEqual(['ProducersFit']);
  const older = await used();
  for (const entry of older.log.producerState.all) entry.batches.pop();
  expect(rulesOf(older)).toEqual(['ProducersFit']);
});

test('EndIsTheLogs, OffsetsIncrease, LogReadable: the bytes are not those that were written', async () => {
  const beyond = await used();
  beyond.log.activeSegment.append([await batchAt(20)]);
  expect(rulesOf(beyond)).toContain('EndIsTheLogs');
  const overlapping = await used();
  overlapping.log.allSegments[0]!.append([await batchAt(20)]);
  expect(rulesOf(overlapping)).toContain('OffsetsIncrease');
  const torn = await used();
  const file = torn.disk.open(torn.log.activeSegment.path, 'write');
  file.write([Buffer.alloc(30)], 0);
  expect(rulesOf(torn)).toContain('LogReadable');
});

async function batchAt(offset: number): Promise<RecordBatch> {
  const other = await simLog();
  other.append(1, 9);
  const batch = new RecordBatch(Buffer.concat(other.log.read(0, 1, 1 << 20, true)));
  batch.setBaseOffset(offset);
  return batch;
}
