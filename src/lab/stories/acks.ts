/**
 * acks 0, 1 and all, side by side, during the same failure of the same leader.
 */
import { TopicPartition } from '../../common/cluster-types';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { account, Accounting, numberOf, openProducer, readAll, SteadyProducer } from '../workload';

const LEVELS = ['0', '1', 'all'] as const;

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  const bystander = await cluster.controllerId();
  const [leader, follower] = [1, 2, 3].filter((id) => id !== bystander) as [number, number];
  const tps = new Map<string, TopicPartition>(
    LEVELS.map((acks) => [acks, { topic: `acks-${acks}`, partition: 0 }]),
  );
  for (const tp of tps.values())
    await cluster.createTopic(tp.topic, new Map([[0, [leader, follower, bystander]]]), {
      'min.insync.replicas': '2',
    });
  const producers = new Map<string, SteadyProducer>();
  for (const [acks, tp] of tps)
    producers.set(
      acks,
      new SteadyProducer(await openProducer(cluster, { acks, 'delivery.timeout.ms': 300000 }), tp, 1),
    );
  context.say(`three topics led by broker ${leader}, one producer each, with acks 0, 1 and all`);
  await until('records on every topic', () =>
    [...producers.values()].every((producer) => producer.log.acked.size > 500),
  );
  context.event('kill -9', { broker: leader });
  const atKill = new Map(
    [...producers].map(([acks, { log }]) => [acks, { sent: log.sent, acked: log.acked.size }]),
  );
  context.say(
    `kill -9 broker ${leader}; sent until now: ` +
      `${[...atKill].map(([acks, { sent }]) => `acks=${acks} ${sent}`).join(', ')}`,
  );
  await cluster.broker(leader).kill9();
  for (const tp of tps.values()) await cluster.untilLeader(tp, (id) => id >= 0 && id !== leader);
  await until('acknowledgements after the failover', () =>
    LEVELS.every((acks) => producers.get(acks)!.log.acked.size > atKill.get(acks)!.acked + 200),
  );
  const results: Record<string, Accounting> = {};
  for (const acks of LEVELS) {
    const log = await producers.get(acks)!.stop();
    const numbers: number[] = [];
    await readAll(cluster, tps.get(acks)!, (record) => {
      numbers.push(numberOf(record));
    });
    results[acks] = account(log, numbers);
    const { sent, acked, read, lost, duplicated } = results[acks];
    context.say(
      `acks=${acks.padEnd(3)}  sent ${sent}  acknowledged ${acked}  read ${read}  lost ${lost}  duplicated ` +
        `${duplicated}`,
    );
  }
  return {
    problems: [
      ...(results.all!.lost > 0 ? [`acks=all lost ${results.all!.lost} acknowledged records`] : []),
      ...(results.all!.reordered > 0 ? [`acks=all has ${results.all!.reordered} records out of order`] : []),
    ],
    'acks=0': results['0'],
    'acks=1': results['1'],
    'acks=all': results.all,
    lost: results.all!.lost,
  };
}

export const acks: Story = {
  name: 'acks',
  title: 'acks: what an acknowledgement is worth',
  question:
    'the same leader dies under three producers with acks 0, 1 and all. Which of them lose records they ' +
    'believe written?',
  brokers: 3,
  run,
};
