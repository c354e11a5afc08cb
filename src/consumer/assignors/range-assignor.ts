/**
 * Range: in each topic, each member gets a range of consecutive partitions. If they cannot be divided evenly,
 * the first members get one more. This is the default. Its known weakness: with several topics the first
 * members get more in total.
 *
 * [p] Kafka: clients/consumer/RangeAssignor.java@2.8.2
 */
import { TopicPartition } from '../../common/cluster-types';
import { inOrder, PartitionAssignor } from './partition-assignor';

export const rangeAssignor = (): PartitionAssignor => ({
  name: 'range',
  protocol: 'eager',
  assign(partitionCounts, members) {
    const sorted = inOrder(members);
    const assignment = new Map<string, TopicPartition[]>(sorted.map((member) => [member.memberId, []]));
    for (const topic of [...partitionCounts.keys()].sort()) {
      const readers = sorted.filter((member) => member.topics.includes(topic));
      const count = partitionCounts.get(topic)!;
      const each = Math.floor(count / readers.length);
      const extra = count % readers.length;
      readers.forEach(({ memberId }, i) => {
        const start = each * i + Math.min(i, extra);
        const length = each + (i < extra ? 1 : 0);
        for (let partition = start; partition < start + length; partition++)
          assignment.get(memberId)!.push({ topic, partition });
      });
    }
    return assignment;
  },
});
