/**
 * Round robin: all partitions of all topics in order, given to the members in turn. A member that is not
 * subscribed to the topic is skipped.
 *
 * [p] Kafka: clients/consumer/RoundRobinAssignor.java@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { allPartitions, inOrder, PartitionAssignor } from './partition-assignor';

export const roundRobinAssignor = (): PartitionAssignor => ({
  name: 'roundrobin',
  protocol: 'eager',
  assign(partitionCounts, members) {
    const sorted = inOrder(members);
    const assignment = new Map<string, TopicPartition[]>(sorted.map((member) => [member.memberId, []]));
    let turn = 0;
    for (const tp of allPartitions(partitionCounts, sorted)) {
      while (!sorted[turn % sorted.length]!.topics.includes(tp.topic)) turn++;
      assignment.get(sorted[turn++ % sorted.length]!.memberId)!.push(tp);
    }
    return assignment;
  },
});
