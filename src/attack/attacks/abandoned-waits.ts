/**
 * Thousands of requests that wait (fetches, acks=all, joins), whose clients disconnect at once.
 */
import { Connection } from '../../common/host';
import { fetch } from '../../protocol/messages/produce-fetch';
import { encodeRequest } from '../../protocol/wire';
import { VICTIM_TOPIC } from '../base-request';
import { Attack, dial, Ground, pause, scaled } from '../ground';

const PARTITIONS = 50;
const AT_ONCE = 200;
const REQUESTS_EACH = 30;

function waitingFetch(): Buffer {
  const partitions = Array.from({ length: PARTITIONS }, () => ({
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    logStartOffset: -1,
    partitionMaxBytes: 1000,
  }));
  return Buffer.concat(
    encodeRequest(fetch, 1, 'attacker', {
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: 600_000,
      minBytes: 2 ** 30,
      maxBytes: 2 ** 30,
      isolationLevel: 0,
      topics: [{ topic: VICTIM_TOPIC, partitions }],
    }),
  );
}

async function run(ground: Ground): Promise<void> {
  const frame = waitingFetch();
  for (let round = 0; !ground.isOver(); round++) {
    const open: Connection[] = [];
    for (let i = 0; i < scaled(ground, AT_ONCE, 3) && !ground.isOver(); i++) {
      const connection = await dial(ground, ground.brokers[i % ground.brokers.length]!);
      if (!connection) continue;
      connection.write(Array.from({ length: REQUESTS_EACH }, () => frame));
      ground.log.count('silent', REQUESTS_EACH);
      open.push(connection);
    }
    await pause(ground.host.clock, 50);
    // Half of the connections end by a reset, half by a normal close: the broker must notice both.
    open.forEach((connection, i) => (i % 2 === 0 ? connection.destroy('gone') : connection.end()));
    await pause(ground.host.clock, 50);
  }
}

export const abandonedWaits: Attack = {
  name: 'abandoned-waits',
  sends: 'thirty fetches that wait ten minutes on each of two hundred connections, which end at once',
  expected: 'the waits end with their connections',
  run,
};
