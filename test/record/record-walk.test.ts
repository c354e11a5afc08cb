/** What a leader looks at inside a batch before it appends it: whatever passes, a consumer can read. */
import { ErrorName, KafkaError } from '../../src/common/errors';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { recordsOf, recordsSection } from '../../src/record/record';
import { BATCH_HEADER_BYTES, LOG_OVERHEAD, RecordBatch } from '../../src/record/record-batch';
import { walkRecords } from '../../src/record/record-walk';

const TIME = 1_700_000_000_000;

/** A batch of one record of these bytes, its length before it; every header field and the CRC fit. */
function batchOf(record: readonly number[]): RecordBatch {
  const head = buildBatch([{ timestamp: TIME, value: null }]).subarray(0, BATCH_HEADER_BYTES);
  const bytes = Buffer.concat([head, Buffer.from(record)]);
  bytes.writeInt32BE(bytes.length - LOG_OVERHEAD, 8);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return new RecordBatch(bytes);
}

const walked = (batch: RecordBatch, needKeys = false) => walkRecords(batch, recordsSection(batch), needKeys);

function problem(batch: RecordBatch, needKeys = false): ErrorName | 'none' {
  try {
    walked(batch, needKeys);
    return 'none';
  } catch (error) {
    if (error instanceof KafkaError) return error.errorName;
    throw error;
  }
}

/** length, attributes, timestamp delta, offset delta, key k, value v, one header h without value. */
const SOUND = [22, 0, 0, 0, 2, 107, 2, 118, 2, 2, 104, 1];

const LIES: readonly (readonly [what: string, record: readonly number[]])[] = [
  ['a record that claims more bytes than the batch has', [24, ...SOUND.slice(1)]],
  ['a record that claims fewer bytes than it has', [20, ...SOUND.slice(1)]],
  ['a record of a negative length', [1, ...SOUND.slice(1)]],
  ['a key longer than the record', [22, 0, 0, 0, 100, 107, 2, 118, 2, 2, 104, 1]],
  ['a key of length -2', [22, 0, 0, 0, 3, 107, 2, 118, 2, 2, 104, 1]],
  ['a value longer than the record', [22, 0, 0, 0, 2, 107, 100, 118, 2, 2, 104, 1]],
  ['a value of length -2', [22, 0, 0, 0, 2, 107, 3, 118, 2, 2, 104, 1]],
  ['more headers than there are bytes', [22, 0, 0, 0, 2, 107, 2, 118, 100, 2, 104, 1]],
  ['one header more than there are', [22, 0, 0, 0, 2, 107, 2, 118, 4, 2, 104, 1]],
  ['a negative number of headers', [22, 0, 0, 0, 2, 107, 2, 118, 1, 2, 104, 1]],
  ['a header without key', [20, 0, 0, 0, 2, 107, 2, 118, 2, 1, 1]],
  ['a header value longer than the record', [22, 0, 0, 0, 2, 107, 2, 118, 2, 2, 104, 8]],
  ['no number of headers', [14, 0, 0, 0, 2, 107, 2, 118]],
  ['bytes behind the last header', [24, 0, 0, 0, 2, 107, 2, 118, 2, 2, 104, 1, 0]],
  ['bytes behind the number of headers', [18, 0, 0, 0, 2, 107, 2, 118, 0, 0]],
  ['bytes behind the last record', [...SOUND, 0]],
  ['an offset delta that is not the next', [22, 0, 0, 2, 2, 107, 2, 118, 2, 2, 104, 1]],
  ['a number that does not end', [22, 0, 0, 0, 2, 107, 2, 118, 2, 2, 104, 0x81]],
  ['an int of six bytes', [32, 0, 0, 0, 0x82, 0x80, 0x80, 0x80, 0x80, 0, 107, 2, 118, 2, 2, 104, 1]],
];

test('a record that is what it claims passes, and can be read', () => {
  expect(problem(batchOf(SOUND))).toBe('none');
  expect([...recordsOf(batchOf(SOUND))][0]!.headers).toEqual([{ key: 'h', value: null }]);
  const headers = [
    { key: 'a', value: Buffer.from('1') },
    { key: 'b', value: null },
  ];
  const records = [
    { timestamp: TIME, value: null },
    { timestamp: TIME - 5, key: Buffer.from('k'), headers },
  ];
  expect(walked(new RecordBatch(buildBatch(records)))).toEqual({ earliest: TIME - 5, latest: TIME });
});

test.each(LIES)('%s is refused, compressed or not', (_, record) => {
  expect(problem(batchOf(record))).toBe('INVALID_RECORD');
  expect(problem(new RecordBatch(recompress(batchOf(record), 'gzip')))).toBe('INVALID_RECORD');
});

test('whatever byte of a batch lies, what passes can be read', () => {
  const sound = buildBatch([
    { timestamp: TIME, key: Buffer.from('k'), value: Buffer.from('v'), headers: [{ key: 'h', value: null }] },
    { timestamp: TIME + 300, key: null, value: Buffer.from('value') },
  ]);
  let passed = 0;
  for (let at = BATCH_HEADER_BYTES; at < sound.length; at++) {
    for (let value = 0; value < 256; value++) {
      const bytes = Buffer.from(sound);
      bytes[at] = value;
      const batch = new RecordBatch(bytes);
      if (problem(batch) !== 'none') continue;
      passed++;
      expect([...recordsOf(batch)].map(({ offset }) => offset)).toEqual([0, 1]);
    }
  }
  expect(passed).toBeGreaterThan(sound.length - BATCH_HEADER_BYTES);
});

test('a record without time is no time; a time that does not fit 53 bits is refused', () => {
  const timed = (...times: number[]) =>
    new RecordBatch(buildBatch(times.map((timestamp) => ({ timestamp, value: null }))));
  expect(walked(timed(-1, -1))).toEqual({ earliest: -1, latest: -1 });
  expect(walked(timed(-1, TIME))).toEqual({ earliest: TIME, latest: TIME });
  expect(walked(timed(TIME, -1))).toEqual({ earliest: TIME, latest: TIME });
  expect(problem(timed(0, Number.MAX_SAFE_INTEGER))).toBe('INVALID_TIMESTAMP');
  expect(problem(timed(2 ** 53 - 10, 2 ** 53 + 10))).toBe('INVALID_TIMESTAMP');
  expect(problem(timed(TIME, 2 ** 62))).toBe('INVALID_TIMESTAMP');
  expect(problem(timed(2 ** 52, 0))).toBe('INVALID_TIMESTAMP');
});

test('in a compacted topic every record has a key', () => {
  expect(problem(batchOf(SOUND), true)).toBe('none');
  expect(problem(batchOf([12, 0, 0, 0, 1, 1, 0]), true)).toBe('INVALID_RECORD');
});
