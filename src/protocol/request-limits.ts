/**
 * Limits for the requests of each API: size in bytes, number of rows, and whether the response may be large.
 * A row is an element of any array in the request. A request beyond its limits closes the connection before
 * it is decoded: a row of three bytes would take a hundred bytes in memory, and as many again in the
 * response.
 *
 * The limits are far above what Kafka's clients send for 100,000 partitions.
 *
 * Kafka has only socket.request.max.bytes.
 */
import {
  deleteGroups,
  describeGroups,
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  listGroups,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  syncGroup,
} from './messages/groups';
import { deleteRecords, describeLogDirs } from './messages/log-admin';
import { apiVersions, createTopics, listOffsets, metadata } from './messages/metadata';
import { fetch, initProducerId, offsetForLeaderEpoch, produce } from './messages/produce-fetch';
import { controlledShutdown, leaderAndIsr, stopReplica, updateMetadata } from './messages/replica-control';

export interface RequestLimits {
  readonly maxBytes: number;
  readonly maxRows: number;
  /**
   * The response may be many times as large as the request, or takes long to compute. Therefore the
   * connection has no other request in progress at the same time.
   */
  readonly isServedAlone: boolean;
}

const KB = 1024;
const MB = 1024 * KB;
const limits = (maxBytes: number, maxRows: number, isServedAlone = false): RequestLimits => {
  return { maxBytes, maxRows, isServedAlone };
};

const SMALL = limits(64 * KB, 100);
/** Requests of brokers: a row for each partition and each of its replicas. */
const CONTROL = limits(Infinity, 10_000_000);

const byKey = new Map<number, RequestLimits>([
  [produce.key, limits(Infinity, 100_000)],
  [fetch.key, limits(16 * MB, 200_000, true)],
  [listOffsets.key, limits(16 * MB, 200_000)],
  [offsetForLeaderEpoch.key, limits(16 * MB, 200_000)],
  [metadata.key, limits(4 * MB, 20_000, true)],
  [createTopics.key, limits(4 * MB, 200_000, true)],
  [deleteRecords.key, limits(16 * MB, 200_000)],
  [describeLogDirs.key, limits(4 * MB, 100_000, true)],
  [offsetCommit.key, limits(32 * MB, 200_000)],
  [offsetFetch.key, limits(16 * MB, 200_000, true)],
  [offsetDelete.key, limits(16 * MB, 200_000, true)],
  [joinGroup.key, limits(8 * MB, 1000)],
  [syncGroup.key, limits(32 * MB, 100_000)],
  [leaveGroup.key, limits(4 * MB, 10_000)],
  [describeGroups.key, limits(4 * MB, 10_000, true)],
  [deleteGroups.key, limits(4 * MB, 10_000, true)],
  [listGroups.key, limits(64 * KB, 100, true)],
  [apiVersions.key, SMALL],
  [initProducerId.key, SMALL],
  [findCoordinator.key, SMALL],
  [heartbeat.key, limits(256 * KB, 100)],
  [leaderAndIsr.key, CONTROL],
  [updateMetadata.key, CONTROL],
  [stopReplica.key, CONTROL],
  [controlledShutdown.key, SMALL],
]);

/** The limits of an API. An unknown key gets the limits of a small request. */
export function requestLimits(apiKey: number): RequestLimits {
  return byKey.get(apiKey) ?? SMALL;
}
