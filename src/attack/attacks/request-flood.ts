/**
 * Small valid requests, as many as possible, without waiting for responses.
 */
import { findCoordinator, heartbeat, offsetFetch } from '../../protocol/messages/groups';
import { apiVersions, listOffsets, metadata } from '../../protocol/messages/metadata';
import { encodeRequest } from '../../protocol/wire';
import { VICTIM_GROUP, VICTIM_TOPIC } from '../base-request';
import { Attack, dial, Ground, pause } from '../ground';
import { AnswerCounter } from '../lane';

const LANES = 6;
const AT_ONCE = 200;

function requests(): Buffer[] {
  const group = { groupId: VICTIM_GROUP, generationId: 1, memberId: 'x', groupInstanceId: null };
  const timestamps = {
    name: VICTIM_TOPIC,
    partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }],
  };
  return [
    encodeRequest(apiVersions, 1, 'attacker', { clientSoftwareName: 'attacker', clientSoftwareVersion: '1' }),
    encodeRequest(metadata, 1, 'attacker', { topics: [], allTopics: true, allowAutoTopicCreation: false }),
    encodeRequest(heartbeat, 1, 'attacker', group),
    encodeRequest(findCoordinator, 1, 'attacker', { key: VICTIM_GROUP, keyType: 0 }),
    encodeRequest(offsetFetch, 1, 'attacker', {
      groupId: VICTIM_GROUP,
      allTopics: true,
      topics: [],
      requireStable: false,
    }),
    encodeRequest(listOffsets, 1, 'attacker', { replicaId: -1, isolationLevel: 0, topics: [timestamps] }),
  ].map((chunks) => Buffer.concat(chunks));
}

async function flood(ground: Ground, lane: number, chunks: readonly Buffer[]): Promise<void> {
  while (!ground.isOver()) {
    const connection = await dial(ground, ground.brokers[lane % ground.brokers.length]!);
    if (!connection) {
      ground.log.count('refused');
      await pause(ground.host.clock, 100);
      continue;
    }
    let isOpen = true;
    let waiting = 0;
    const counter = new AnswerCounter();
    connection.onData((chunk) => {
      const answered = counter.push(chunk);
      waiting -= answered;
      ground.log.count('answered', answered);
    });
    connection.onClose(() => {
      isOpen = false;
    });
    while (isOpen && !ground.isOver()) {
      if (waiting < AT_ONCE) {
        waiting += chunks.length;
        connection.write(chunks);
      } else await pause(ground.host.clock, 1);
      await pause(ground.host.clock, 0);
    }
    connection.destroy('done');
  }
}

export const requestFlood: Attack = {
  name: 'request-flood',
  sends: 'small sound requests, two hundred ahead of their answers on each of six connections',
  expected: 'others are served in turn',
  run: async (ground) => {
    const chunks = requests();
    await Promise.all(Array.from({ length: LANES }, (_, lane) => flood(ground, lane, chunks)));
  },
};
