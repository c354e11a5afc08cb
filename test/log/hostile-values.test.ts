/** 64-bit values that no double holds: refused where they would come in, survived where they are on disk. */
import { KafkaError } from '../../src/common/errors';
import { EpochEntry, LeaderEpochCheckpoint, OffsetCheckpoint } from '../../src/log/checkpoint-file';
import { fileName } from '../../src/log/log-segment';
import { decodeSnapshot, encodeSnapshot, ProducerState } from '../../src/log/producer-state';
import { buildBatch } from '../../src/record/batch-builder';
import { RecordBatch, readInt64, writeInt64 } from '../../src/record/record-batch';
import { contentOf, LoneLog } from '../support/lone-log';

const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);
const DIRECTORY = '/data/t-0';
const FIELDS = { firstTimestamp: 27, maxTimestamp: 35, producerId: 43 } as const;
const EXTREMES = [LONG_MAX, LONG_MAX - 511n, 2n ** 53n, -(2n ** 53n), LONG_MIN];

/** The batch with the 64-bit field at `at` set, and a CRC that fits. */
function withField(bytes: Buffer, at: number, value: bigint): Buffer {
  bytes.writeBigInt64BE(value, at);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return bytes;
}

function errorOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error);
  }
}

test('every 64-bit value can be read, written and read as the same again', () => {
  for (const value of [...EXTREMES, 0n, -1n, 2n ** 32n, -(2n ** 32n) - 1n, 2n ** 53n - 1n]) {
    const buffer = Buffer.alloc(16);
    buffer.writeBigInt64BE(value);
    writeInt64(buffer, readInt64(buffer, 0), 8);
    expect(readInt64(buffer, 8)).toBe(readInt64(buffer, 0));
    if (Number.isSafeInteger(Number(value))) expect(buffer.readBigInt64BE(8)).toBe(value);
  }
  const buffer = Buffer.alloc(8);
  writeInt64(buffer, 2 ** 80, 0);
  expect(buffer.readBigInt64BE()).toBe(LONG_MAX);
  writeInt64(buffer, -(2 ** 80), 0);
  expect(buffer.readBigInt64BE()).toBe(LONG_MIN);
});

describe('a leader', () => {
  const refusal = async (at: number, value: bigint, overrides = {}) => {
    const lone = new LoneLog();
    const log = await lone.open({ overrides });
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    const error = errorOf(() => log.appendAsLeader(withField(lone.batch(['x'], producer), at, value), 0));
    expect(log.logEndOffset).toBe(error === 'none' ? 1 : 0);
    return error;
  };

  test.each(EXTREMES)('refuses a batch with the 64-bit value %s in its header', async (value) => {
    for (const type of ['CreateTime', 'LogAppendTime']) {
      const overrides = { 'message.timestamp.type': type };
      expect(await refusal(FIELDS.firstTimestamp, value, overrides)).toBe('INVALID_TIMESTAMP');
      expect(await refusal(FIELDS.maxTimestamp, value, overrides)).toBe('INVALID_TIMESTAMP');
      expect(await refusal(FIELDS.producerId, value, overrides)).toBe('INVALID_RECORD');
    }
    expect(['INVALID_RECORD', 'CORRUPT_MESSAGE']).toContain(await refusal(0, value));
  });

  test('refuses a producer id below -1, and takes one within 53 bits', async () => {
    expect(await refusal(FIELDS.producerId, -2n)).toBe('INVALID_RECORD');
    expect(await refusal(FIELDS.producerId, 2n ** 53n - 1n)).toBe('none');
  });

  test("refuses a batch whose times the producer calls the broker's", async () => {
    for (const type of ['CreateTime', 'LogAppendTime']) {
      const lone = new LoneLog();
      const log = await lone.open({ overrides: { 'message.timestamp.type': type } });
      const forged = lone.batch(['x'], { attributes: 0x08 });
      expect(errorOf(() => log.appendAsLeader(forged, 0))).toBe('INVALID_TIMESTAMP');
    }
  });

  test('looks at the time of every record, and at none where there is none', async () => {
    const lone = new LoneLog();
    const log = await lone.open({ overrides: { 'message.timestamp.difference.max.ms': '1000' } });
    const append = (...times: number[]) => {
      const records = times.map((timestamp) => ({ timestamp, value: null }));
      return errorOf(() => log.appendAsLeader(buildBatch(records), 0));
    };
    const { nowMs } = lone;
    expect(append(nowMs - 1000, nowMs + 1000)).toBe('none');
    expect(append(nowMs, nowMs - 1001, nowMs)).toBe('INVALID_TIMESTAMP');
    expect(append(nowMs, nowMs + 1001)).toBe('INVALID_TIMESTAMP');
    expect(append(-1, nowMs)).toBe('none');
    expect(append(-1)).toBe('none');
  });
});

describe('a log that already holds', () => {
  const SMALL = { 'index.interval.bytes': '0', 'segment.bytes': '400', 'segment.ms': '1000' };

  test.each(EXTREMES)(
    'the time or producer id %s starts, rolls, flushes, truncates and starts again',
    async (value) => {
      const lone = new LoneLog();
      let log = await lone.open({ overrides: SMALL });
      const fetched = (text: string, at: number) => {
        const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0, baseOffset: log.logEndOffset };
        return withField(lone.batch([text], { ...producer, partitionLeaderEpoch: 0 }), at, value);
      };
      const write = () => {
        for (const at of Object.values(FIELDS)) log.appendAsFollower(fetched('x', at));
        log.appendAsFollower(
          lone.batch(['sound'], { baseOffset: log.logEndOffset, partitionLeaderEpoch: 0 }),
        );
      };
      for (let round = 0; round < 5; round++) write();
      const all = contentOf(log);
      log.roll();
      log.deleteOldSegments();
      log.offsetForTimestamp(lone.nowMs);
      await log.flush();
      for (const isClean of [false, true]) {
        if (isClean) await log.close();
        log = await lone.open({ overrides: SMALL, isClean });
        expect(contentOf(log)).toEqual(all);
        expect(log.activeSegment.largestTimestamp).toBeDefined();
      }
      log.truncateTo(10);
      expect(contentOf(log)).toEqual(all.slice(0, 10));
      write();
      expect(lone.storageErrors).toEqual([]);
    },
  );

  test('a batch with an offset that no index can name loses that batch, in a compacted log too', async () => {
    for (const offset of [2n ** 40n, 2n ** 53n, LONG_MAX]) {
      const lone = new LoneLog();
      const overrides = { 'cleanup.policy': 'compact', 'index.interval.bytes': '0' };
      const log = await lone.open({ overrides });
      for (const key of ['a', 'b', 'c']) log.appendAsLeader(lone.batch([`${key}=1`]), 0);
      await log.close();
      const file = lone.disk.open(`${DIRECTORY}/${fileName(0, '.log')}`, 'write');
      const head = Buffer.alloc(8);
      head.writeBigInt64BE(offset);
      file.write([head], Math.floor((file.size() / 3) * 2));
      file.close();
      expect(contentOf(await lone.open({ overrides }))).toEqual(['0:1', '1:1']);
    }
  });

  test('a segment whose name is beyond 2^53 leaves it alone', async () => {
    const lone = new LoneLog();
    (await lone.open()).appendAsLeader(lone.batch(['x']), 0);
    lone.disk.open(`${DIRECTORY}/09223372036854775807.log`, 'create').close();
    lone.disk.open(`${DIRECTORY}/09223372036854775807.snapshot`, 'create').close();
    for (const isClean of [false, true]) expect(contentOf(await lone.open({ isClean }))).toEqual(['0:x']);
  });
});

test('a follower does not append what lies beyond 2^53', async () => {
  const lone = new LoneLog();
  const log = await lone.open();
  const far = withField(lone.batch(['x']), 0, 2n ** 60n);
  expect(errorOf(() => log.appendAsFollower(far))).toBe('CORRUPT_MESSAGE');
  expect(log.logEndOffset).toBe(0);
});

test('a snapshot is written for any producer, and is not believed beyond 2^53', () => {
  const lone = new LoneLog();
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 2 ** 31 - 1, baseOffset: 5 };
  for (const value of EXTREMES) {
    const state = new ProducerState();
    state.update(new RecordBatch(withField(lone.batch(['x'], producer), FIELDS.maxTimestamp, value)));
    expect(decodeSnapshot(encodeSnapshot(state.all))[0]!.lastTimestamp).toBe(Number(value));
    const odd = new ProducerState();
    odd.update(new RecordBatch(withField(lone.batch(['x'], producer), FIELDS.producerId, value)));
    expect(() => decodeSnapshot(encodeSnapshot(odd.all))).toThrow('does not fit 53 bits');
  }
});

test('a checkpoint is refused as malformed if a number in it is none that a log can have', () => {
  const { disk } = new LoneLog();
  const offsets = (offset: string) => {
    disk.replace('/data/points', `0\n1\nt 0 ${offset}\n`, { durable: true });
    return new OffsetCheckpoint(disk, '/data/points').read().get('t-0');
  };
  expect(offsets('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
  for (const bad of ['9007199254740992', '9223372036854775807', '1e3']) {
    expect(() => offsets(bad)).toThrow('Malformed checkpoint');
  }
  const epochs = (row: string): EpochEntry[] => {
    disk.replace('/data/leader-epoch-checkpoint', `0\n1\n${row}\n`, { durable: true });
    return new LeaderEpochCheckpoint(disk, '/data').read();
  };
  expect(epochs('2147483647 5')).toEqual([{ epoch: 2147483647, startOffset: 5 }]);
  for (const bad of ['2147483648 5', '-1 5', '3 -1', '3 9223372036854775807']) {
    expect(() => epochs(bad)).toThrow('Malformed checkpoint');
  }
});
