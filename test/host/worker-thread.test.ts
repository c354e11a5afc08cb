/** The thread beside the loop: a real one. */
import * as path from 'node:path';
import { WorkerThread } from '../../src/host/worker-thread';
import { checkOffLoop } from '../../src/log/batch-check';
import { until } from '../../src/lab/wait';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { loadZstd } from '../../src/record/zstd';

const MODULE = path.join(__dirname, '../../src/log/batch-check.js');
const RULES = {
  needKeys: false,
  codec: 'producer',
  maxExpandedBytes: 64 << 20,
  maxStoredBytes: 64 << 20,
} as const;
const OWNER = { onExpanded: () => {}, isGone: false };
const AT_1000 = { earliest: 1000, latest: 1000 };

const threads: WorkerThread[] = [];

function threadWith(module: string): WorkerThread {
  const thread = new WorkerThread(module);
  threads.push(thread);
  return thread;
}

afterEach(() => Promise.all(threads.splice(0).map((thread) => thread.close())));

function batchOf(bytes: number): RecordBatch {
  return new RecordBatch(buildBatch([{ timestamp: 1000, value: Buffer.alloc(bytes) }]));
}

test('a batch is checked in the thread as in place: what it finds, what it stores, what it refuses', async () => {
  await loadZstd();
  const thread = threadWith(MODULE);
  const bomb = new RecordBatch(recompress(batchOf(8 << 20), 'zstd'));
  expect(await checkOffLoop(thread, bomb, RULES, OWNER)).toMatchObject({ times: AT_1000, stored: undefined });
  const gzipped = await checkOffLoop(thread, bomb, { ...RULES, codec: 'gzip' }, OWNER);
  expect(new RecordBatch(gzipped.stored!).compression).toBe(1);
  await expect(
    checkOffLoop(thread, bomb, { ...RULES, maxExpandedBytes: 1 << 20 }, OWNER),
  ).rejects.toMatchObject({
    errorName: 'MESSAGE_TOO_LARGE',
  });
  await expect(checkOffLoop(thread, bomb, { ...RULES, needKeys: true }, OWNER)).rejects.toMatchObject({
    errorName: 'INVALID_RECORD',
  });
});

test('a task that is not there fails alone, and the thread goes on', async () => {
  const thread = threadWith(MODULE);
  await expect(thread.run('no-such-task', {})).rejects.toThrow();
  const plain = batchOf(10);
  expect(await checkOffLoop(thread, plain, RULES, OWNER)).toMatchObject({ times: AT_1000 });
});

test('a thread that ends fails what it worked on', async () => {
  const thread = threadWith(path.join(__dirname, 'no-such-module.js'));
  await expect(thread.run('checkBatch', {})).rejects.toThrow('the worker thread ended');
});

test('a task that ends the thread fails alone: those behind it, and those that come then, are done', async () => {
  const thread = threadWith(path.join(__dirname, '../support/deadly-tasks.js'));
  const deadly = thread.run('die', {});
  const behind = thread.run('echo', 'behind');
  await expect(deadly).rejects.toThrow('the worker thread ended: died');
  expect(await Promise.all([behind, thread.run('echo', 'after')])).toEqual(['behind', 'after']);
});

test('a task that cannot be sent fails alone, and takes no place', async () => {
  const thread = threadWith(path.join(__dirname, '../support/deadly-tasks.js'));
  for (let i = 0; i < 1001; i++)
    await expect(thread.run('echo', () => {})).rejects.toThrow('could not be cloned');
  expect(await thread.run('echo', 'after')).toBe('after');
});

test('a task for which nobody waits any longer is not begun, and the next one is', async () => {
  const thread = threadWith(path.join(__dirname, '../support/deadly-tasks.js'));
  let isWanted = true;
  const first = thread.run('echo', 'first');
  const unwanted = thread.run('die', {}, () => isWanted);
  const behind = thread.run('echo', 'behind');
  isWanted = false;
  await expect(unwanted).rejects.toThrow('nobody waits');
  expect(await Promise.all([first, behind])).toEqual(['first', 'behind']);
});

test('tasks for which nobody waits any longer take no place from others', async () => {
  const thread = threadWith(path.join(__dirname, '../support/deadly-tasks.js'));
  const hanging = thread.run('hang', {}).catch(String);
  let isWanted = true;
  const unwanted = Promise.allSettled(
    Array.from({ length: 999 }, () => thread.run('echo', {}, () => isWanted)),
  );
  await expect(thread.run('echo', {})).rejects.toThrow('1000 tasks wait');
  isWanted = false;
  const waiting = thread.run('echo', {}).catch(String);
  const first = await Promise.race([waiting, unwanted]);
  expect(first).toEqual(new Array(999).fill(expect.objectContaining({ status: 'rejected' })));
  await thread.close();
  expect(await Promise.all([hanging, waiting])).toEqual(
    new Array(2).fill('Error: the worker thread was closed'),
  );
});

test('what waits for a thread that is closed fails', async () => {
  const thread = threadWith(path.join(__dirname, '../support/deadly-tasks.js'));
  const waiting = [thread.run('hang', {}), thread.run('echo', {})].map((one) => one.catch(String));
  await thread.close();
  expect(await Promise.all(waiting)).toEqual(new Array(2).fill('Error: the worker thread was closed'));
});

test('a thread without a task for a while is ended, and the next task gets another', async () => {
  const thread = new WorkerThread(path.join(__dirname, '../support/deadly-tasks.js'), 1);
  threads.push(thread);
  expect(await thread.run('echo', 1)).toBe(1);
  await until('the thread is ended', () => !thread.isStarted);
  expect(await thread.run('echo', 2)).toBe(2);
});
