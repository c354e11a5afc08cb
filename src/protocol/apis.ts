/**
 * All APIs that a broker serves, by API key. The keys are Kafka's.
 *
 * [p] Kafka: common/protocol/ApiKeys.java@2.8.2
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
import { Api } from './schema';

export const allApis: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
  controlledShutdown,
  apiVersions,
  createTopics,
  offsetForLeaderEpoch,
  initProducerId,
  findCoordinator,
  joinGroup,
  syncGroup,
  heartbeat,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  describeGroups,
  listGroups,
  deleteGroups,
  offsetDelete,
  deleteRecords,
  describeLogDirs,
] as readonly Api[];

export const apiByKey: ReadonlyMap<number, Api> = new Map(allApis.map((one) => [one.key, one]));
