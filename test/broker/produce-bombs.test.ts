/** Produce requests whose batches expand to much: in order, in turns, and bounded. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { handleProduce, ProduceDeps } from '../../src/broker/handlers/produce';
import { errorName } from '../../src/common/errors';
import { Clock } from '../../src/common/host';
import { tasks } from '../../src/log/batch-check';
import { LogConfig, logConfigTable } from '../../src/log/log-config';
import { CheckRecords } from '../../src/log/log-validator';
import { Asker, CloseConnection } from '../../src/network/server-connection';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { BATCH_HEADER_BYTES, RecordBatch } from '../../src/record/record-batch';

const CONFIG = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
const MB = 1 << 20;

function bomb(bytes: number): Buffer {
  return recompress(new RecordBatch(buildBatch([{ timestamp: 1, value: Buffer.alloc(bytes) }])), 'gzip');
}

/** No record begins with a zero. */
function zeros(bytes: number): Buffer {
  const section = gzipSync(Buffer.alloc(bytes));
  const batch = Buffer.concat([bomb(1).subarray(0, BATCH_HEADER_BYTES), section]);
  batch.writeInt32BE(batch.length - 12, 8);
  return batch;
}

function leader(maxExpandedBytes: number) {
  const appended: number[] = [];
  const happened: string[] = [];
  let nowMs = 0;
  let end = () => {};
  const partitionOf = (partition: number) => ({
    log: { logStartOffset: 0 },
    appendAsLeader: (records: Buffer, _acks: number, check: CheckRecords) => {
      nowMs += 1.25;
      check(new RecordBatch(records), CONFIG);
      appended.push(partition);
      return { firstOffset: 0, lastOffset: 0, logAppendTimeMs: -1 };
    },
  });
  const offLoop = {
    run: (_task: string, input: unknown) => {
      happened.push('off the loop');
      return tasks.checkBatch(input);
    },
  };
  const deps = {
    maxExpandedBytes,
    host: { clock: { monotonicMs: () => nowMs } as Clock, offLoop },
    replicas: {
      require: ({ partition }: { partition: number }) => partitionOf(partition),
      appended: () => {},
    },
  } as unknown as ProduceDeps;
  const asker: Asker = {
    onGone: (listener) => {
      end = listener;
    },
    hold: () => {
      happened.push('holds');
      return () => {
        happened.push('lets go');
      };
    },
    nextTurn: async () => {
      happened.push('next turn');
    },
  };
  const produce = async (batches: readonly Buffer[], acks = 1) => {
    const partitionData = batches.map((records, index) => ({ index, records: [records] }));
    const request = { acks, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] };
    const answer = await handleProduce(deps, request, { header: { clientId: 'x' }, asker });
    if (acks === 0) return [];
    if (answer === undefined || answer instanceof CloseConnection) throw new Error('no answer');
    return answer.responses[0]!.partitionResponses.map((row) => errorName(row.errorCode));
  };
  return { produce, appended, happened, end: () => end() };
}

test('a batch that expands to much is checked off the loop, and nothing overtakes it', async () => {
  const { produce, appended, happened } = leader(256 * MB);
  expect(await produce([bomb(100), bomb(20 * MB), bomb(100)])).toEqual(['NONE', 'NONE', 'NONE']);
  expect(appended).toEqual([0, 1, 2]);
  expect(happened).toEqual(['off the loop', 'holds', 'lets go']);
});

test('what the batches of a request expand to is bounded, large and small together', async () => {
  const { produce, appended } = leader(40 * MB);
  const errors = await produce([20 * MB, 3 * MB, 15 * MB, 3 * MB, 100, 100].map(bomb));
  const refused = new Array(3).fill('MESSAGE_TOO_LARGE');
  expect(errors).toEqual(['NONE', 'NONE', 'NONE', ...refused]);
  expect(appended).toEqual([0, 1, 2]);
});

test('batches that are refused for what is in them count as those that are appended', async () => {
  const { produce, happened } = leader(40 * MB);
  const errors = await produce(Array.from({ length: 20 }, () => zeros(20 * MB)));
  const invalid = ['INVALID_RECORD', 'INVALID_RECORD'];
  expect(errors).toEqual([...invalid, ...new Array(18).fill('MESSAGE_TOO_LARGE')]);
  expect(happened.filter((what) => what === 'off the loop')).toHaveLength(2);
});

test('damaged batches count with all that they were allowed', async () => {
  const { produce, happened } = leader(40 * MB);
  const damaged = bomb(20 * MB);
  damaged[damaged.length - 8]! ^= 1;
  const errors = await produce([bomb(10), damaged, bomb(10), damaged]);
  const refused = ['MESSAGE_TOO_LARGE', 'MESSAGE_TOO_LARGE'];
  expect(errors).toEqual(['NONE', 'CORRUPT_MESSAGE', ...refused]);
  expect(happened.filter((what) => what === 'off the loop')).toHaveLength(1);
});

test('when the connection has ended, no further batch of its request is decompressed or appended', async () => {
  const { produce, appended, happened, end } = leader(256 * MB);
  const answer = produce([bomb(10), bomb(20 * MB), bomb(20 * MB), bomb(10)]);
  end();
  expect(await answer).toEqual(['NONE']);
  expect(appended).toEqual([0]);
  expect(happened).toEqual(['off the loop', 'holds', 'lets go']);
});

test('what was produced with acks=0 is appended even if the connection has ended', async () => {
  const { produce, appended, end } = leader(256 * MB);
  const answer = produce([bomb(10), bomb(20 * MB), bomb(10)], 0);
  end();
  await answer;
  expect(appended).toEqual([0, 1, 2]);
});

test('a batch that becomes too large in the codec of its topic stays in the worker thread', async () => {
  const batch = bomb(20 * MB);
  const rules = { needKeys: false, codec: 'uncompressed', maxExpandedBytes: 40 * MB, maxStoredBytes: MB };
  const answer = await tasks.checkBatch({ ...rules, batch });
  expect([answer.error, answer.stored?.length]).toEqual(['MESSAGE_TOO_LARGE', undefined]);
  expect(answer.expandedBytes).toBeGreaterThan(20 * MB);
});

test('many batches are appended in turns of 5 ms', async () => {
  const { produce, appended, happened } = leader(256 * MB);
  await produce(Array.from({ length: 10 }, () => bomb(10)));
  expect(appended).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(happened).toEqual(['next turn', 'holds', 'next turn', 'lets go']);
});

test('batches that were appended in turns are not kept while the request waits', async () => {
  const { produce, appended, end } = leader(256 * MB);
  const appendAll = async () => {
    const batches = Array.from({ length: 10 }, () => bomb(10));
    await produce(batches);
    return batches.map((batch) => new WeakRef(batch));
  };
  const kept = await appendAll();
  await new Promise(setImmediate);
  setFlagsFromString('--expose_gc');
  (runInNewContext('gc') as () => void)();
  expect(kept.filter((batch) => batch.deref())).toEqual([]);
  // Only now nobody listens for the end of the connection any longer.
  end();
  expect(appended).toHaveLength(10);
});

test('a request with ordinary batches is appended here and now', async () => {
  const { produce, happened } = leader(256 * MB);
  expect(await produce([bomb(100 * 1024), bomb(10)])).toEqual(['NONE', 'NONE']);
  expect(happened).toEqual([]);
});
