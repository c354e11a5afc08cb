/**
 * The last in-sync replica fails while an out-of-sync one is alive. One setting decides between availability
 * and data; the story counts the lost records.
 */
import { TopicPartition } from '../../common/cluster-types';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { account, numberOf, openProducer, readAll, SendLog, sendNumbered } from '../workload';

const SAFE: TopicPartition = { topic: 'unclean-off', partition: 0 };
const UNCLEAN: TopicPartition = { topic: 'unclean-on', partition: 0 };
const TOGETHER = 100;
const ALONE = 50;

async function write(
  context: StoryContext,
  tp: TopicPartition,
  log: SendLog,
  from: number,
  to: number,
): Promise<void> {
  const producer = await openProducer(context.cluster);
  for (let i = from; i < to; i++) await sendNumbered(producer, log, tp, i, Buffer.from(`record ${i}`));
  await producer.close();
}

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  const spare = await cluster.controllerId();
  const [leader, stale] = [1, 2, 3].filter((id) => id !== spare) as [number, number];
  const logs = { [SAFE.topic]: new SendLog(), [UNCLEAN.topic]: new SendLog() };
  for (const [tp, unclean] of [
    [SAFE, 'false'],
    [UNCLEAN, 'true'],
  ] as const) {
    await cluster.createTopic(tp.topic, new Map([[0, [leader, stale]]]), {
      'unclean.leader.election.enable': unclean,
      'min.insync.replicas': '1',
    });
    await write(context, tp, logs[tp.topic]!, 0, TOGETHER);
  }
  context.say(
    `two topics, replicas ${leader} and ${stale}, min.insync.replicas 1; ${TOGETHER} records each are on ` +
      `both`,
  );
  context.event('kill -9', { broker: stale });
  context.say(`kill -9 follower ${stale}; then ${ALONE} more records, acks=all: the ISR is the leader alone`);
  await cluster.broker(stale).kill9();
  for (const tp of [SAFE, UNCLEAN]) {
    await cluster.untilIsr(tp, [leader]);
    await write(context, tp, logs[tp.topic]!, TOGETHER, TOGETHER + ALONE);
  }
  context.event('kill -9', { broker: leader });
  context.say(`kill -9 leader ${leader}, the only one that has them; then start ${stale}, which has not`);
  await cluster.broker(leader).kill9();
  await until('the leader is gone', async () => !(await cluster.liveBrokerIds()).includes(leader));
  await cluster.broker(stale).start();
  const elected = await cluster.untilLeader(UNCLEAN, (id) => id === stale);
  const offline = (await cluster.state(SAFE))!;
  context.say(
    `unclean-on: broker ${elected} leads, though it was not in sync · unclean-off: leader ` +
      `${offline.leader === -1 ? 'none' : offline.leader}, ISR still ${offline.isr}`,
  );
  await cluster.broker(leader).start();
  await cluster.untilIsr(SAFE, [leader, stale]);
  await cluster.untilIsr(UNCLEAN, [leader, stale]);
  context.say(`broker ${leader} is back; both topics are in sync again`);
  const results: Record<string, ReturnType<typeof account>> = {};
  for (const tp of [SAFE, UNCLEAN]) {
    const numbers: number[] = [];
    await readAll(cluster, tp, (record) => {
      numbers.push(numberOf(record));
    });
    results[tp.topic] = account(logs[tp.topic]!, numbers);
    context.say(
      `${tp.topic}: acknowledged ${results[tp.topic]!.acked}, read ${results[tp.topic]!.read}, lost ` +
        `${results[tp.topic]!.lost}`,
    );
  }
  const safe = results[SAFE.topic]!;
  const unclean = results[UNCLEAN.topic]!;
  return {
    problems: [
      ...(offline.leader !== -1 ? [`unclean-off got leader ${offline.leader}, which was not in sync`] : []),
      ...(safe.lost !== 0 ? [`unclean-off lost ${safe.lost} records`] : []),
      ...(unclean.lost !== ALONE
        ? [
            `unclean-on lost ${unclean.lost} records, expected exactly the ${ALONE} the stale replica ` +
              `never had`,
          ]
        : []),
    ],
    'unclean-off': safe,
    'unclean-on': unclean,
    lost: unclean.lost,
  };
}

export const unclean: Story = {
  name: 'unclean',
  title: 'unclean: availability or data',
  question:
    'the last in-sync replica is dead, a stale one is alive. With unclean election off, who leads? With it ' +
    'on, how many of 150 records are lost?',
  brokers: 3,
  run,
};
