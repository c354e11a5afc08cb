/** Produce requests whose batches expand to much: in order, in turns, and bounded. */
import { handleProduce, ProduceDeps } from '../../src/broker/handlers/produce';
import { errorName } from '../../src/common/errors';
import { Clock } from '../../src/common/host';
import { tasks } from '../../src/log/batch-check';
import { LogConfig, logConfigTable } from '../../src/log/log-config';
import { CheckRecords } from '../../src/log/log-validator';
import { Asker, CloseConnection } from '../../src/network/server-connection';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';

const CONFIG = Object.fromEntries(
  Object.entries(logConfigTable).map(([name, row]) => [name, row.default]),
) as LogConfig;
const MB = 1 << 20;

function bomb(bytes: number): Buffer {
  return recompress(new RecordBatch(buildBatch([{ timestamp: 1, value: Buffer.alloc(bytes) }])), 'gzip');
}

function leader(maxExpandedBytes: number) {
  const appended: number[] = [];
  const happened: string[] = [];
  let nowMs = 0;
  const partitionOf = (partition: number) => ({
    log: { logStartOffset: 0 },
    appendAsLeader: (records: Buffer, _acks: number, check: CheckRecords) => {
      nowMs += 5;
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
    onGone: () => {},
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
  const produce = async (batches: readonly Buffer[]) => {
    const partitionData = batches.map((records, index) => ({ index, records: [records] }));
    const request = { acks: 1, timeoutMs: 1000, topicData: [{ name: 't', partitionData }] };
    const answer = await handleProduce(deps, request, { header: { clientId: 'x' }, asker });
    if (answer === undefined || answer instanceof CloseConnection) throw new Error('no answer');
    return answer.responses[0]!.partitionResponses.map((row) => errorName(row.errorCode));
  };
  return { produce, appended, happened };
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
  expect(errors).toEqual(['NONE', 'NONE', 'NONE', 'MESSAGE_TOO_LARGE', 'NONE', 'NONE']);
  expect(appended).toEqual([0, 1, 2, 4, 5]);
});

test('many batches are appended in turns of 20 ms', async () => {
  const { produce, appended, happened } = leader(256 * MB);
  await produce(Array.from({ length: 10 }, () => bomb(10)));
  expect(appended).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(happened).toEqual(['next turn', 'holds', 'next turn', 'lets go']);
});

test('a request with ordinary batches is appended here and now', async () => {
  const { produce, happened } = leader(256 * MB);
  expect(await produce([bomb(100 * 1024), bomb(10)])).toEqual(['NONE', 'NONE']);
  expect(happened).toEqual([]);
});
