/**
 * Followers are paused (SIGSTOP) and leave the ISR one by one. With one replica left, acks=all is refused.
 * Then the followers continue and join the ISR again.
 */
import { TopicPartition } from '../../common/cluster-types';
import { KafkaError } from '../../common/errors';
import { Story, StoryContext, StoryResult } from '../story';
import { openProducer } from '../workload';

const TP: TopicPartition = { topic: 'payments', partition: 0 };

/** The outcome of one send without retries. */
async function trySend(context: StoryContext, acks: string, value: string): Promise<string> {
  const producer = await openProducer(context.cluster, {
    acks,
    'retries': 0,
    'request.timeout.ms': 8000,
    'delivery.timeout.ms': 10000,
  });
  try {
    const { offset } = await producer.send({ ...TP, value });
    return `acknowledged at offset ${offset}`;
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error);
  } finally {
    await producer.close();
  }
}

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  await cluster.createTopic(TP.topic, new Map([[0, [1, 2, 3]]]), { 'min.insync.replicas': '2' });
  const leader = await cluster.untilLeader(TP);
  const [first, second] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  const answers: Record<string, string> = {};
  const send = async (when: string, acks: string) => {
    answers[`${when}, acks=${acks}`] = await trySend(context, acks, when);
    context.say(`${when}: acks=${acks} → ${answers[`${when}, acks=${acks}`]}`);
  };
  await send('all three in sync', 'all');
  context.event('SIGSTOP', { broker: first });
  context.say(`SIGSTOP to follower ${first}: it is alive, says nothing, and falls behind`);
  cluster.broker(first).pause();
  const two = await cluster.untilIsr(TP, [leader, second]);
  context.say(`ISR is ${two.isr}`);
  await send('two in sync', 'all');
  context.event('SIGSTOP', { broker: second });
  context.say(`SIGSTOP to follower ${second} too`);
  cluster.broker(second).pause();
  const one = await cluster.untilIsr(TP, [leader]);
  context.say(`ISR is ${one.isr}; min.insync.replicas is 2`);
  await send('one in sync', 'all');
  await send('one in sync', '1');
  context.event('SIGCONT', { brokers: [first, second] });
  context.say('SIGCONT to both');
  cluster.broker(first).resume();
  cluster.broker(second).resume();
  const back = await cluster.untilIsr(TP, [1, 2, 3]);
  context.say(`ISR is ${back.isr} again`);
  await send('all back', 'all');
  const expect = (when: string, pattern: RegExp) =>
    pattern.test(answers[when] ?? '') ? [] : [`${when}: expected ${pattern.source}, got ${answers[when]}`];
  return {
    problems: [
      ...expect('all three in sync, acks=all', /^acknowledged/),
      ...expect('two in sync, acks=all', /^acknowledged/),
      ...expect('one in sync, acks=all', /^NOT_ENOUGH_REPLICAS$/),
      ...expect('one in sync, acks=1', /^acknowledged/),
      ...expect('all back, acks=all', /^acknowledged/),
    ],
    answers,
    leader,
  };
}

export const isrShrink: Story = {
  name: 'isr-shrink',
  title: 'isr-shrink: who is in sync, and what acks=all means then',
  question:
    'RF 3, min.insync.replicas 2. Two followers freeze. What does acks=all answer with two in sync? With ' +
    'one? And acks=1?',
  brokers: 3,
  settings: { 'replica.lag.time.max.ms': 1500, 'replica.fetch.wait.max.ms': 200 },
  run,
};
