/** The tail cache counts the memory it keeps alive: a frame once, and about 500 bytes a batch. */
import { LogTail, TailCache } from '../../src/log/tail-cache';
import { RecordBatch } from '../../src/record/record-batch';

/** A batch of one record at `offset`, at `at` of the frame. */
function batchIn(frame: Buffer, at: number, bytes: number, offset: number): RecordBatch {
  const batch = new RecordBatch(frame, at);
  frame.writeInt32BE(bytes - 12, at + 8);
  // Frames come as they are found in memory: the last offset delta is to be said, too.
  frame.writeInt32BE(0, at + 23);
  batch.setBaseOffset(offset);
  return batch;
}

const KB = 1024;

test('small batches that came in large frames are counted with what they keep alive', () => {
  const cache = new TailCache(1010 * KB);
  const tail = new LogTail(cache);
  for (let offset = 0; offset < 100; offset++)
    tail.append(batchIn(Buffer.allocUnsafeSlow(100 * KB), 7, 100, offset));
  expect(cache.sizeInBytes).toBeLessThanOrEqual(1010 * KB);
  expect(tail.read(89, 100, 1 << 20, true)).toBeUndefined();
  expect(tail.read(90, 100, 1 << 20, true)!.length).toBe(10);
});

test('batches of one frame are counted once, and go together', () => {
  const cache = new TailCache(250 * KB);
  const tail = new LogTail(cache);
  for (let frame = 0; frame < 3; frame++) {
    const bytes = Buffer.allocUnsafeSlow(100 * KB);
    for (let i = 0; i < 10; i++) tail.append(batchIn(bytes, i * 1000, 1000, frame * 10 + i));
  }
  expect(Math.floor(cache.sizeInBytes / (100 * KB))).toBe(2);
  expect(tail.read(9, 30, 1 << 20, true)).toBeUndefined();
  expect(tail.read(10, 30, 1 << 20, true)!.length).toBe(20);
});

test('a frame larger than the cache is not kept, nor any batch of it', () => {
  const cache = new TailCache(50 * KB);
  const tail = new LogTail(cache);
  const bytes = Buffer.allocUnsafeSlow(100 * KB);
  for (let i = 0; i < 5; i++) tail.append(batchIn(bytes, i * 1000, 1000, i));
  expect(cache.sizeInBytes).toBe(0);
  expect(tail.read(4, 5, 1 << 20, true)).toBeUndefined();
});

test('what is remembered of each batch counts too: tiny ones do not take many times what the cache may hold', () => {
  const cache = new TailCache(100 * KB);
  const tail = new LogTail(cache);
  for (let offset = 0; offset < 1000; offset++)
    tail.append(batchIn(Buffer.allocUnsafeSlow(100), 0, 100, offset));
  expect(tail.read(900, 1000, 1 << 20, true)!.length).toBe(100);
  expect(tail.read(750, 1000, 1 << 20, true)).toBeUndefined();
});

test('nor do the batches of one frame, of which the memory is counted once', () => {
  const cache = new TailCache(100 * KB);
  const tail = new LogTail(cache);
  const frame = Buffer.allocUnsafeSlow(10 * KB);
  for (let offset = 0; offset < 1000; offset++) tail.append(batchIn(frame, 0, 100, offset));
  expect(cache.sizeInBytes).toBeLessThanOrEqual(100 * KB);
  expect(tail.read(750, 1000, 1 << 20, true)).toBeUndefined();
});

test('positions count bytes from batch to batch, beyond what is kept', () => {
  const tail = new LogTail(new TailCache(250 * KB));
  for (let offset = 0; offset < 5; offset++)
    tail.append(batchIn(Buffer.allocUnsafeSlow(100 * KB), 0, 100, offset));
  expect([0, 2, 3, 4, 5].map((offset) => tail.positionOf(offset))).toEqual([
    undefined,
    undefined,
    300,
    400,
    undefined,
  ]);
  expect(tail.endPosition).toBe(500);
});
