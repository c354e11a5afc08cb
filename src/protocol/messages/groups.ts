/**
 * The group coordinator's APIs: finding the coordinator, membership, and committed offsets.
 *
 * [p] Kafka: {FindCoordinator,JoinGroup,SyncGroup,Heartbeat,LeaveGroup,OffsetCommit,OffsetFetch,OffsetDelete,
 * DescribeGroups,ListGroups,DeleteGroups}{Request,Response}.json@2.8.2
 */
import {
  api,
  array,
  bool,
  bytes,
  int16,
  int32,
  int64,
  int8,
  nullableString,
  string,
  struct,
} from '../schema';

const errorCode = [int16, 'Error code.'] as const;
const groupId = [string, 'The group.'] as const;
const memberId = [string, 'The id the coordinator gave the member.'] as const;
const generationId = [int32, 'The generation of the group, -1 outside of one.'] as const;
const groupInstanceId = [nullableString, 'group.instance.id of a static member, or null.'] as const;
const topicName = [string, 'Topic name.'] as const;
const partitionIndex = [int32, 'Partition index.'] as const;

export const findCoordinator = api(
  10,
  'FindCoordinator',
  'Which broker coordinates a group; creates __consumer_offsets on first use.',
  struct({
    key: [string, 'The group id.'],
    keyType: [int8, '0: a group. 1, a transactional id, is not served.'],
  }),
  struct({
    errorCode,
    errorMessage: [nullableString, 'A sentence, or null.'],
    nodeId: [int32, 'The broker id.'],
    host: [string, 'Its host on the listener the request came in on.'],
    port: [int32, 'Its port there.'],
  }),
);

export const joinGroup = api(
  11,
  'JoinGroup',
  'Enters a group, or its next generation; answered when all members have joined.',
  struct({
    groupId,
    sessionTimeoutMs: [int32, 'Without a heartbeat for this long the member is removed, ms.'],
    rebalanceTimeoutMs: [int32, 'How long the coordinator waits for the member to rejoin, ms.'],
    memberId: [string, 'The member id, empty the first time.'],
    groupInstanceId,
    protocolType: [string, 'consumer, for consumers.'],
    protocols: [
      array(
        struct({
          name: [string, 'An assignor.'],
          metadata: [bytes, 'The subscription, as that assignor wants it.'],
        }),
      ),
      'The assignors the member supports, the preferred one first.',
    ],
  }),
  struct({
    errorCode,
    generationId,
    protocolType: [nullableString, "The group's protocol type."],
    protocolName: [nullableString, 'The assignor that was chosen.'],
    leader: [string, 'The member that assigns.'],
    memberId,
    members: [
      array(
        struct({
          memberId,
          groupInstanceId,
          metadata: [bytes, 'The subscription.'],
        }),
      ),
      'All members, for the leader; empty for the others.',
    ],
  }),
);

export const syncGroup = api(
  14,
  'SyncGroup',
  "Brings the leader's assignment, and fetches one's own.",
  struct({
    groupId,
    generationId,
    memberId,
    groupInstanceId,
    protocolType: [nullableString, 'The protocol type the member believes in, or null.'],
    protocolName: [nullableString, 'The assignor the member believes in, or null.'],
    assignments: [
      array(
        struct({
          memberId,
          assignment: [bytes, 'What the member gets.'],
        }),
      ),
      'From the leader: one row a member; from the others: empty.',
    ],
  }),
  struct({
    errorCode,
    protocolType: [nullableString, "The group's protocol type."],
    protocolName: [nullableString, 'The assignor that was chosen.'],
    assignment: [bytes, 'What this member gets.'],
  }),
);

export const heartbeat = api(
  12,
  'Heartbeat',
  'Says that a member is alive, and hears whether it has to rejoin.',
  struct({ groupId, generationId, memberId, groupInstanceId }),
  struct({ errorCode }),
);

export const leaveGroup = api(
  13,
  'LeaveGroup',
  'Takes members out of the group at once.',
  struct({
    groupId,
    members: [
      array(
        struct({ memberId: [string, 'The member id; may be empty with an instance id.'], groupInstanceId }),
      ),
      'The members.',
    ],
  }),
  struct({
    errorCode,
    members: [array(struct({ memberId, groupInstanceId, errorCode })), 'One row a member.'],
  }),
);

export const offsetCommit = api(
  8,
  'OffsetCommit',
  'Stores the offsets a group has reached.',
  struct({
    groupId,
    generationId,
    memberId: [string, 'The member id, empty outside of a generation.'],
    groupInstanceId,
    commitSequence: [
      int64,
      'Counts the commits of a consumer, so that a late one is not taken for the latest; -1: not counted. ' +
        'Ours, not in Kafka.',
    ],
    committerId: [
      string,
      'Who counts, where there is no member id: chosen by the consumer at random. Ours, not in Kafka.',
    ],
    topics: [
      array(
        struct({
          name: topicName,
          partitions: [
            array(
              struct({
                partitionIndex,
                committedOffset: [int64, 'The next offset to read.'],
                committedLeaderEpoch: [int32, 'Leader epoch of the last record read, or -1.'],
                committedMetadata: [nullableString, "A note of the client's."],
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
          name: topicName,
          partitions: [array(struct({ partitionIndex, errorCode })), 'The partitions.'],
        }),
      ),
      'The topics.',
    ],
  }),
);

export const offsetFetch = api(
  9,
  'OffsetFetch',
  'Reads the committed offsets of a group.',
  struct({
    groupId,
    allTopics: [bool, 'Return everything the group has committed.'],
    topics: [
      array(struct({ name: topicName, partitionIndexes: [array(int32), 'Partition indexes.'] })),
      'The topics; empty with allTopics.',
    ],
    requireStable: [
      bool,
      'Answer UNSTABLE_OFFSET_COMMIT for partitions with a commit that is being replicated.',
    ],
  }),
  struct({
    errorCode,
    topics: [
      array(
        struct({
          name: topicName,
          partitions: [
            array(
              struct({
                partitionIndex,
                committedOffset: [int64, 'The next offset to read, -1 without a commit.'],
                committedLeaderEpoch: [int32, 'Leader epoch, or -1.'],
                metadata: [nullableString, 'The note.'],
                errorCode,
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

export const describeGroups = api(
  15,
  'DescribeGroups',
  'State and members of groups that this broker coordinates.',
  struct({ groups: [array(string), 'The groups.'] }),
  struct({
    groups: [
      array(
        struct({
          errorCode,
          groupId,
          groupState: [string, 'Empty, PreparingRebalance, CompletingRebalance, Stable or Dead.'],
          protocolType: [string, 'Protocol type, or empty.'],
          protocolData: [string, 'The assignor, or empty.'],
          members: [
            array(
              struct({
                memberId,
                groupInstanceId,
                clientId: [string, 'client.id of the member.'],
                clientHost: [string, 'Its address, as /127.0.0.1.'],
                memberMetadata: [bytes, 'Its subscription for the chosen assignor.'],
                memberAssignment: [bytes, 'Its assignment.'],
              }),
            ),
            'The members.',
          ],
        }),
      ),
      'One row a group.',
    ],
  }),
);

export const listGroups = api(
  16,
  'ListGroups',
  'The groups that this broker coordinates.',
  struct({ statesFilter: [array(string), 'Only groups in these states; empty: all.'] }),
  struct({
    errorCode,
    groups: [
      array(struct({ groupId, protocolType: [string, 'Protocol type.'], groupState: [string, 'State.'] })),
      'The groups.',
    ],
  }),
);

export const deleteGroups = api(
  42,
  'DeleteGroups',
  'Deletes groups without members, with their offsets.',
  struct({ groupsNames: [array(string), 'The groups.'] }),
  struct({ results: [array(struct({ groupId, errorCode })), 'One row a group.'] }),
);

export const offsetDelete = api(
  47,
  'OffsetDelete',
  'Forgets committed offsets of topics that no member is subscribed to.',
  struct({
    groupId,
    topics: [
      array(struct({ name: topicName, partitionIndexes: [array(int32), 'Partition indexes.'] })),
      'The topics.',
    ],
  }),
  struct({
    errorCode,
    topics: [
      array(
        struct({
          name: topicName,
          partitions: [array(struct({ partitionIndex, errorCode })), 'The partitions.'],
        }),
      ),
      'The topics.',
    ],
  }),
);
