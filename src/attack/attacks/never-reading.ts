/**
 * Requests very large responses, again and again on the same connections, and reads none of them.
 */
import { Connection } from '../../common/host';
import { metadata } from '../../protocol/messages/metadata';
import { fetch } from '../../protocol/messages/produce-fetch';
import { encodeRequest } from '../../protocol/wire';
import { buildBatch } from '../../record/batch-builder';
import { VICTIM_TOPIC } from '../base-request';
import { Attack, dial, Ground, pause, scaled } from '../ground';
import { Lane } from '../lane';
import { produceFrame } from './lying-batches';

const REQUESTS = 300;
const CONNECTIONS = 8;
const RECORD_BYTES = 900_000;
const RECORDS = 60;
const BEFORE_ANOTHER_ROUND_MS = 5000;

function fetchFrame(): Buffer {
  const asked = {
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    logStartOffset: -1,
    partitionMaxBytes: 52_428_800,
  };
  return Buffer.concat(
    encodeRequest(fetch, 1, 'attacker', {
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 52_428_800,
      isolationLevel: 0,
      topics: [{ topic: VICTIM_TOPIC, partitions: [asked] }],
    }),
  );
}

/**
 * Produces records, so that there is something large to fetch. A broker that does not lead the partition
 * refuses them.
 */
async function fill(ground: Ground): Promise<void> {
  const record = {
    timestamp: ground.host.clock.wallMs(),
    value: Buffer.alloc(scaled(ground, RECORD_BYTES), 0x61),
  };
  const frame = produceFrame([buildBatch([record])], -1);
  for (const broker of ground.brokers) {
    const lane = new Lane(ground, broker);
    for (let i = 0; i < scaled(ground, RECORDS, 2) && !ground.isOver(); i++) await lane.send(frame, 5000);
    lane.close();
  }
}

async function run(ground: Ground): Promise<void> {
  await fill(ground);
  const body = { topics: [], allTopics: true, allowAutoTopicCreation: false };
  const frames = [fetchFrame(), Buffer.concat(encodeRequest(metadata, 1, 'attacker', body))];
  const open: Connection[] = [];
  while (!ground.isOver()) {
    for (let i = 0; i < scaled(ground, CONNECTIONS, 2) && !ground.isOver(); i++) {
      const connection = await dial(ground, ground.brokers[i % ground.brokers.length]!);
      if (!connection) continue;
      connection.onData(() => {});
      connection.pause();
      open.push(connection);
      const many = scaled(ground, REQUESTS, 10);
      connection.write(Array.from({ length: many }, () => frames[i % frames.length]!));
      ground.log.count('silent', many);
    }
    for (let waited = 0; waited < BEFORE_ANOTHER_ROUND_MS && !ground.isOver(); waited += 100)
      await pause(ground.host.clock, 100);
    for (const connection of open.splice(0)) connection.destroy('done');
  }
}

export const neverReading: Attack = {
  name: 'never-reading',
  sends: '300 fetches of 50 MB in one write on each of eight connections, and reads nothing',
  expected: 'bytes waiting to be sent stay within their budget; slow receivers are closed',
  run,
};
