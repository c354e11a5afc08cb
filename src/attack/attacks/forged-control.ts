/**
 * Control requests and follower fetches from a client that is neither controller nor broker, with epochs of
 * the future.
 */
import { fetch } from '../../protocol/messages/produce-fetch';
import {
  controlledShutdown,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
} from '../../protocol/messages/replica-control';
import { encodeRequest } from '../../protocol/wire';
import { VICTIM_TOPIC } from '../base-request';
import { Attack } from '../ground';
import { HostileRequest } from '../hostile-requests';
import { sendAll } from '../lane';

const INT_MAX = 2 ** 31 - 1;
const future = { controllerId: 1, controllerEpoch: INT_MAX, brokerEpoch: Number.MAX_SAFE_INTEGER };
const place = { topic: VICTIM_TOPIC, partition: 0 };
const state = {
  ...place,
  controllerEpoch: INT_MAX,
  leader: 1,
  leaderEpoch: INT_MAX - 1,
  isr: [1],
  zkVersion: INT_MAX,
  replicas: [1],
};

const asked = {
  partition: 0,
  currentLeaderEpoch: 0,
  fetchOffset: 1_000_000,
  logStartOffset: 0,
  partitionMaxBytes: 1000,
};
const followerFetch = {
  replicaEpoch: -1,
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1000,
  isolationLevel: 0,
  topics: [{ topic: VICTIM_TOPIC, partitions: [asked] }],
};

const forged: readonly (readonly [what: string, chunks: Buffer[]])[] = [
  [
    'LeaderAndIsr of the last controller there can be',
    encodeRequest(leaderAndIsr, 1, 'attacker', {
      ...future,
      partitionStates: [{ ...state, isNew: false }],
      liveLeaders: [],
    }),
  ],
  [
    'UpdateMetadata that knows no broker',
    encodeRequest(updateMetadata, 1, 'attacker', { ...future, partitionStates: [], liveBrokers: [] }),
  ],
  [
    'StopReplica that deletes',
    encodeRequest(stopReplica, 1, 'attacker', {
      ...future,
      partitionStates: [{ ...place, leaderEpoch: INT_MAX, deletePartition: true }],
    }),
  ],
  [
    'ControlledShutdown of broker 1',
    encodeRequest(controlledShutdown, 1, 'attacker', { brokerId: 1, brokerEpoch: Number.MAX_SAFE_INTEGER }),
  ],
  ...[1, 2, 3].map(
    (replicaId) =>
      [
        `Fetch as replica ${replicaId}, far ahead`,
        encodeRequest(fetch, 1, 'attacker', { replicaId, ...followerFetch }),
      ] as const,
  ),
];

const input = (_seed: string, number: number): HostileRequest => {
  const [what, chunks] = forged[number % forged.length]!;
  return { what, frame: Buffer.concat(chunks) };
};

export const forgedControl: Attack = {
  name: 'forged-control',
  sends:
    'LeaderAndIsr, StopReplica, UpdateMetadata, ControlledShutdown, follower fetches of epochs yet to come',
  expected:
    "refused on a listener that is not the brokers' own; no leader, controller or high watermark moves",
  input,
  run: (ground) => sendAll(ground, { name: 'forged-control', input, lanes: 3 }),
};
