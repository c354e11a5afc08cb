/**
 * The leader is stopped with SIGTERM. It first asks the controller to move its leaders, so clients hardly
 * notice.
 */
import { TopicPartition } from '../../common/cluster-types';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { account, numberOf, openProducer, readAll, SteadyProducer } from '../workload';

const TP: TopicPartition = { topic: 'orders', partition: 0 };

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  await cluster.createTopic(TP.topic, new Map([[0, [1, 2, 3]]]), { 'min.insync.replicas': '2' });
  const steady = new SteadyProducer(await openProducer(cluster), TP, 5);
  await until('some acknowledged records', () => steady.log.acked.size > 100);
  const before = (await cluster.state(TP))!;
  const sinceMs = context.event('SIGTERM', { broker: before.leader });
  steady.log.longestGapMs = 0;
  context.say(
    `SIGTERM to broker ${before.leader}, the leader (epoch ${before.leaderEpoch}); a record each 5 ms is ` +
      `being written`,
  );
  await cluster.broker(before.leader).terminate();
  const after = (await cluster.state(TP))!;
  context.say(
    `broker ${before.leader} has stopped by itself after ${Date.now() - sinceMs} ms; leader is now broker ` +
      `${after.leader} (epoch ${after.leaderEpoch}), ISR ${after.isr}`,
  );
  const ackedAtStop = steady.log.acked.size;
  await until('records acknowledged by the new leader', () => steady.log.acked.size > ackedAtStop + 100);
  const gapMs = steady.log.longestGapMs;
  const log = await steady.stop();
  context.say(
    `longest silence between two acknowledgements: ${gapMs} ms; errors the application saw: ` +
      `${log.errorCount}`,
  );
  await cluster.broker(before.leader).start();
  await cluster.untilIsr(TP, [1, 2, 3]);
  const numbers: number[] = [];
  await readAll(cluster, TP, (record) => {
    numbers.push(numberOf(record));
  });
  const counts = account(log, numbers);
  return {
    problems: [
      ...(counts.lost > 0 ? [`${counts.lost} acknowledged records were lost`] : []),
      ...(log.errorCount > 0 ? [`the application saw ${log.errorCount} errors`] : []),
      ...(after.leader === before.leader ? ['the leader did not move'] : []),
    ],
    ...counts,
    gapMs,
    errors: Object.fromEntries(log.errors),
    leader: { before: before.leader, after: after.leader },
    leaderEpoch: { before: before.leaderEpoch, after: after.leaderEpoch },
  };
}

export const controlledShutdown: Story = {
  name: 'controlled-shutdown',
  title: 'controlled-shutdown: a leader that says goodbye',
  question:
    'the leader gets SIGTERM while a client writes. Does the application see an error? How long is the gap?',
  brokers: 3,
  run,
};
