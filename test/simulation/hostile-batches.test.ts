/**
 * Batches that only somebody hostile would send: they cost their producer an error, and no broker anything.
 */
import { ErrorName, errorName } from '../../src/common/errors';
import { RpcConnection } from '../../src/network/rpc-connection';
import { produce } from '../../src/protocol/messages/produce-fetch';
import { buildBatch, recompress } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { bringUp, openProducer, readValues, runUntil, send, TP } from '../support/sim';

const LONG_MAX = 2n ** 63n - 1n;
const TIME = 1_700_000_000_000;

/** A batch of one record, changed, with a CRC that fits. */
function forged(change: (bytes: Buffer) => void): Buffer {
  const fields = { producerId: 4000, producerEpoch: 0, baseSequence: 0 };
  const bytes = Buffer.from(buildBatch([{ timestamp: TIME, value: Buffer.from('forged') }], fields));
  change(bytes);
  bytes.writeUInt32BE(new RecordBatch(bytes).computeCrc(), 17);
  return bytes;
}

const valueTooLong = forged((bytes) => {
  bytes[66] = 100;
});
const FORGED: readonly (readonly [what: string, batch: Buffer, error: ErrorName])[] = [
  ['a first time of 2^63 - 1', forged((bytes) => bytes.writeBigInt64BE(LONG_MAX, 27)), 'INVALID_TIMESTAMP'],
  ['a last time of 2^63 - 1', forged((bytes) => bytes.writeBigInt64BE(LONG_MAX, 35)), 'INVALID_TIMESTAMP'],
  ['a producer id of 2^63 - 1', forged((bytes) => bytes.writeBigInt64BE(LONG_MAX, 43)), 'INVALID_RECORD'],
  ["the broker's kind of time", forged((bytes) => bytes.writeInt16BE(0x08, 21)), 'INVALID_TIMESTAMP'],
  ['a value longer than its record', valueTooLong, 'INVALID_RECORD'],
  ['the same, compressed', recompress(new RecordBatch(valueTooLong), 'gzip'), 'INVALID_RECORD'],
];

async function produceRaw(cluster: SimCluster, records: Buffer): Promise<ErrorName> {
  const { host } = cluster.environment();
  const options = { clientId: 'x', requestTimeoutMs: 3000, connectTimeoutMs: 1000 };
  const ask = async () => {
    const connection = await RpcConnection.open(host, { host: 'broker-1', port: 9092 }, options);
    const topicData = [{ name: TP.topic, partitionData: [{ index: TP.partition, records: [records] }] }];
    const { responses } = await connection.request(produce, { acks: 1, timeoutMs: 1000, topicData });
    connection.close();
    return errorName(responses[0]!.partitionResponses[0]!.errorCode);
  };
  return cluster.world.complete(ask(), 30000, 'the answer');
}

test('forged batches are refused, others go on, and every broker starts again', async () => {
  const cluster = await bringUp('forged', 3, [1, 2, 3], {
    topic: { 'index.interval.bytes': '0', 'segment.bytes': '500' },
  });
  const producer = await openProducer(cluster);
  const sent: string[] = [];
  for (const [what, batch, error] of FORGED) {
    expect([what, await produceRaw(cluster, batch)]).toEqual([what, error]);
    for (let i = 0; i < 5; i++) {
      sent.push(`${what} ${i}`);
      expect(await send(cluster, producer, sent.at(-1)!)).toBe(sent.length - 1);
    }
  }
  for (const id of [1, 2, 3]) cluster.kill(id);
  cluster.startAll();
  await runUntil(cluster, 'all brokers run and the topic is in sync', () => cluster.isQuiet(TP));
  expect(await readValues(cluster)).toEqual(sent);
  expect(cluster.world.violations).toEqual([]);
});
