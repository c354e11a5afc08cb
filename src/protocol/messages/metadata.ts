/**
 * ApiVersions, Metadata, CreateTopics and ListOffsets: the APIs that a client uses before it produces or
 * consumes.
 *
 * [p] Kafka: {ApiVersions,Metadata,CreateTopics}{Request,Response}.json@2.8.2
 */
import { api, array, bool, int8, int16, int32, int64, nullableString, string, struct } from '../schema';

export const apiVersions = api(
  18,
  'ApiVersions',
  'The APIs this broker serves; the first request on a connection.',
  struct({
    clientSoftwareName: [string, 'The name of the client library.'],
    clientSoftwareVersion: [string, 'Its version.'],
  }),
  struct({
    errorCode: [int16, 'Error code.'],
    apiKeys: [
      array(
        struct({
          apiKey: [int16, 'The key of the API.'],
          minVersion: [int16, 'The lowest version served.'],
          maxVersion: [int16, 'The highest version served.'],
        }),
      ),
      'One row an API.',
    ],
    brokerId: [int32, 'The id of the broker that answers.'],
    clusterId: [string, 'The id of its cluster.'],
  }),
);

export const metadata = api(
  3,
  'Metadata',
  'Brokers, topics and leaders, as the answering broker last heard from the controller.',
  struct({
    topics: [array(string), 'Names to describe; empty with allTopics.'],
    allTopics: [bool, 'Describe every topic.'],
    allowAutoTopicCreation: [bool, 'Create a missing topic if the broker has auto.create.topics.enable.'],
  }),
  struct({
    brokers: [
      array(
        struct({
          nodeId: [int32, 'The broker id.'],
          host: [string, 'Its host on the listener the request came in on.'],
          port: [int32, 'Its port there.'],
          rack: [nullableString, 'Its rack, or null.'],
        }),
      ),
      'The live brokers.',
    ],
    clusterId: [nullableString, 'The cluster id.'],
    controllerId: [int32, 'The id of the controller, or -1.'],
    topics: [
      array(
        struct({
          errorCode: [int16, 'Error code.'],
          name: [string, 'Topic name.'],
          isInternal: [bool, 'Whether the topic is internal.'],
          partitions: [
            array(
              struct({
                errorCode: [int16, 'Error code.'],
                partitionIndex: [int32, 'Partition index.'],
                leaderId: [int32, 'The leader, or -1.'],
                leaderEpoch: [int32, 'The leader epoch.'],
                replicas: [array(int32), 'The assigned replicas, preferred leader first.'],
                isr: [array(int32), 'The in-sync replicas.'],
                offlineReplicas: [array(int32), 'The replicas whose broker is not alive.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
);

export const createTopics = api(
  19,
  'CreateTopics',
  'Creates topics. Any broker serves it; the controller picks them up from ZooKeeper.',
  struct({
    topics: [
      array(
        struct({
          name: [string, 'Topic name.'],
          numPartitions: [int32, 'Partitions, or -1 for the broker default or with assignments.'],
          replicationFactor: [int16, 'Replication factor, or -1 likewise.'],
          assignments: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                brokerIds: [array(int32), 'Replicas, preferred leader first.'],
              }),
            ),
            'A manual assignment; empty: the broker assigns.',
          ],
          configs: [
            array(
              struct({
                name: [string, 'Setting.'],
                value: [nullableString, 'Value.'],
              }),
            ),
            'Settings of the topic.',
          ],
        }),
      ),
      'The topics to create.',
    ],
    timeoutMs: [int32, 'How long to wait until every partition has a leader, in ms.'],
    validateOnly: [bool, 'Check, but create nothing.'],
  }),
  struct({
    topics: [
      array(
        struct({
          name: [string, 'Topic name.'],
          errorCode: [int16, 'Error code.'],
          errorMessage: [nullableString, 'A sentence, or null.'],
        }),
      ),
      'One row a topic.',
    ],
  }),
);

export const listOffsets = api(
  2,
  'ListOffsets',
  'Offsets by timestamp: -2 the earliest, -1 the latest, else the first at or after it.',
  struct({
    replicaId: [int32, 'The broker id of a follower, -1 for a consumer.'],
    isolationLevel: [int8, '0 read_uncommitted, 1 read_committed.'],
    topics: [
      array(
        struct({
          name: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                currentLeaderEpoch: [int32, 'The leader epoch the client knows, or -1.'],
                timestamp: [int64, 'Timestamp in ms, -1 latest, -2 earliest.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
  struct({
    topics: [
      array(
        struct({
          name: [string, 'Topic name.'],
          partitions: [
            array(
              struct({
                partitionIndex: [int32, 'Partition index.'],
                errorCode: [int16, 'Error code.'],
                timestamp: [int64, 'Timestamp of the record found, or -1.'],
                offset: [int64, 'The offset found, or -1.'],
                leaderEpoch: [int32, 'Leader epoch of the answering leader, or -1.'],
              }),
            ),
            'The partitions.',
          ],
        }),
      ),
      'The topics.',
    ],
  }),
);
