/**
 * Builds the response to a request whose handler threw an unexpected error: every row has the error code.
 * Other requests are not affected.
 *
 * Kafka: requests/AbstractRequest.java#getErrorResponse@2.8.2
 */
import { CloseConnection } from '../network/server-connection';
import { deleteGroups, describeGroups, offsetCommit } from '../protocol/messages/groups';
import { deleteRecords, describeLogDirs } from '../protocol/messages/log-admin';
import { createTopics, listOffsets, metadata } from '../protocol/messages/metadata';
import { offsetForLeaderEpoch, produce } from '../protocol/messages/produce-fetch';
import { Api, Schema } from '../protocol/schema';

/**
 * Builds a response with one row per row of the request, for APIs whose response has no error code of its
 * own.
 */
type Rows<Q, R> = (request: Q, errorCode: number) => R | CloseConnection;

const rows = <Q, R>({ key }: Api<Q, R>, make: Rows<Q, R>) => [key, make as Rows<never, unknown>] as const;

const tables: ReadonlyMap<number, Rows<never, unknown>> = new Map([
  rows(produce, ({ acks, topicData }, errorCode) => {
    if (acks === 0) return new CloseConnection('error during a produce request with acks=0');
    const row = { errorCode, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, errorMessage: null };
    const responses = topicData.map(({ name, partitionData }) => {
      return { name, partitionResponses: partitionData.map(({ index }) => ({ index, ...row })) };
    });
    return { responses };
  }),
  rows(listOffsets, ({ topics }, errorCode) => {
    const row = { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
    return {
      topics: topics.map(({ name, partitions }) => {
        return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...row })) };
      }),
    };
  }),
  rows(offsetForLeaderEpoch, ({ topics }, errorCode) => {
    const row = { errorCode, leaderEpoch: -1, endOffset: -1 };
    return {
      topics: topics.map(({ topic, partitions }) => {
        return { topic, partitions: partitions.map(({ partition }) => ({ partition, ...row })) };
      }),
    };
  }),
  /** No brokers: clients then ask another broker. */
  rows(metadata, ({ topics }, errorCode) => {
    const row = { errorCode, isInternal: false, partitions: [] };
    return {
      brokers: [],
      clusterId: null,
      controllerId: -1,
      topics: topics.map((name) => ({ name, ...row })),
    };
  }),
  rows(createTopics, ({ topics }, errorCode) => {
    return { topics: topics.map(({ name }) => ({ name, errorCode, errorMessage: null })) };
  }),
  rows(offsetCommit, ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => {
      return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
    }),
  })),
  rows(describeGroups, ({ groups }, errorCode) => {
    const row = { errorCode, groupState: '', protocolType: '', protocolData: '', members: [] };
    return { groups: groups.map((groupId) => ({ groupId, ...row })) };
  }),
  rows(deleteGroups, ({ groupsNames }, errorCode) => {
    return { results: groupsNames.map((groupId) => ({ groupId, errorCode })) };
  }),
  rows(deleteRecords, ({ topics }, errorCode) => ({
    topics: topics.map(({ name, partitions }) => {
      const row = { lowWatermark: -1, errorCode };
      return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...row })) };
    }),
  })),
  rows(describeLogDirs, (_request, errorCode) => ({ results: [{ errorCode, logDir: '', topics: [] }] })),
]);

/** A value of the schema with empty fields, except for the error code. */
function blank(schema: Schema<unknown>, errorCode: number): unknown {
  switch (schema.kind) {
    case 'struct':
      return Object.fromEntries(
        schema.fields.map(({ name, type }) => {
          return [name, name === 'errorCode' ? errorCode : blank(type, errorCode)];
        }),
      );
    case 'array':
    case 'records':
      return [];
    case 'string':
      return '';
    case 'nullableString':
      return null;
    case 'bytes':
      return Buffer.alloc(0);
    case 'bool':
      return false;
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return -1;
  }
}

export function errorResponse(api: Api, request: unknown, errorCode: number): unknown {
  return tables.get(api.key)?.(request as never, errorCode) ?? blank(api.response, errorCode);
}
