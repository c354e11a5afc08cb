/**
 * Small requests for huge results: topics of 2^31-1 partitions, thousands of topics, waits of weeks.
 */
import { createTopics } from '../../protocol/messages/metadata';
import { fetch } from '../../protocol/messages/produce-fetch';
import { encodeRequest } from '../../protocol/wire';
import { VICTIM_TOPIC } from '../base-request';
import { Attack } from '../ground';
import { HostileRequest } from '../hostile-requests';
import { sendAll } from '../lane';

const INT_MAX = 2 ** 31 - 1;

function createFrame(
  partitions: readonly number[],
  replicationFactor: number,
  validateOnly: boolean,
): Buffer {
  const topics = partitions.map((numPartitions, i) => ({
    name: `victim-of-many-${i}`,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: [],
  }));
  return Buffer.concat(encodeRequest(createTopics, 1, 'attacker', { topics, timeoutMs: 100, validateOnly }));
}

function fetchFrame(maxBytes: number): Buffer {
  const asked = {
    partition: 0,
    currentLeaderEpoch: -1,
    fetchOffset: 0,
    logStartOffset: -1,
    partitionMaxBytes: maxBytes,
  };
  return Buffer.concat(
    encodeRequest(fetch, 1, 'attacker', {
      replicaId: -1,
      replicaEpoch: -1,
      maxWaitMs: INT_MAX,
      minBytes: INT_MAX,
      maxBytes,
      isolationLevel: 0,
      topics: [{ topic: VICTIM_TOPIC, partitions: [asked] }],
    }),
  );
}

const requests: readonly HostileRequest[] = [
  { what: 'CreateTopics of 2^31-1 partitions', frame: createFrame([INT_MAX], 1, false) },
  { what: 'CreateTopics of 2^31-1 partitions, only to validate', frame: createFrame([INT_MAX], 3, true) },
  { what: 'CreateTopics of 50,000,000 partitions', frame: createFrame([50_000_000], 1, true) },
  { what: 'CreateTopics with 32,767 replicas', frame: createFrame([1], 32_767, false) },
  {
    what: 'CreateTopics of 10,000 topics of 10,000 partitions',
    frame: createFrame(Array<number>(10_000).fill(10_000), 1, true),
  },
  { what: 'Fetch that waits 24 days for 2 GB', frame: fetchFrame(INT_MAX) },
];

const input = (_seed: string, number: number) => requests[number % requests.length]!;

export const hugeCounts: Attack = {
  name: 'huge-counts',
  sends: 'CreateTopics of 2^31-1 partitions and 32,767 replicas, fetches that wait for weeks',
  expected: 'an error at once; waits end with their connection',
  input,
  run: (ground) => sendAll(ground, { name: 'huge-counts', input, lanes: 3, patienceMs: 2000 }),
};
