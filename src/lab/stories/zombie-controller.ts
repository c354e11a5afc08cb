/**
 * The controller is paused until its session has expired. When it continues, it believes that it is still the
 * controller, but all its writes and requests are refused.
 */
import { TopicPartition } from '../../common/cluster-types';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { account, numberOf, openProducer, readAll, SteadyProducer } from '../workload';

const TP: TopicPartition = { topic: 'events', partition: 0 };

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  const zombie = await cluster.controllerId();
  const epoch = await cluster.controllerEpoch();
  const others = [1, 2, 3].filter((id) => id !== zombie);
  await cluster.createTopic(TP.topic, new Map([[0, [...others, zombie]]]), { 'min.insync.replicas': '2' });
  const steady = new SteadyProducer(await openProducer(cluster, { 'delivery.timeout.ms': 300000 }), TP, 10);
  await until('some acknowledged records', () => steady.log.acked.size > 50);
  const sinceMs = context.event('SIGSTOP', { broker: zombie });
  context.say(`SIGSTOP to broker ${zombie}, the controller (epoch ${epoch}), for longer than its session`);
  cluster.broker(zombie).pause();
  const successor = await until('a successor', async () => {
    const id = await cluster.controllerId();
    return id >= 0 && id !== zombie ? id : undefined;
  });
  const nextEpoch = await until(
    'its epoch',
    async () => (await cluster.controllerEpoch()) > epoch && cluster.controllerEpoch(),
  );
  context.say(`broker ${successor} is controller now (epoch ${nextEpoch})`);
  // Creates a topic without leaders, so that both the zombie and the new controller have work when the zombie
  // continues.
  await cluster.createTopic('while-it-slept', new Map([[0, others]]));
  const wokenMs = context.event('SIGCONT', { broker: zombie });
  context.say(`SIGCONT to broker ${zombie}`);
  cluster.broker(zombie).resume();
  await until('the zombie resigned', () =>
    context
      .timeline(wokenMs)
      .some(
        (event) =>
          event.who === `broker-${zombie}` &&
          (event.what === 'controller-resigned' || event.what === 'zk-session-expired'),
      ),
  );
  await until('the zombie is registered again', async () => (await cluster.liveBrokerIds()).includes(zombie));
  await cluster.untilIsr(TP, [1, 2, 3]);
  const log = await steady.stop();
  const numbers: number[] = [];
  await readAll(cluster, TP, (record) => {
    numbers.push(numberOf(record));
  });
  const counts = account(log, numbers);
  const written = context
    .timeline(wokenMs)
    .filter(
      (event) =>
        (event.what === 'leader-elected' || event.what === 'replica-left-isr') &&
        Number(event.controllerEpoch) <= epoch,
    );
  const holder = await cluster.controllerId();
  context.say(
    `broker ${zombie} resigned and registered again; controller is broker ${holder} (epoch ` +
      `${await cluster.controllerEpoch()}); states written by the zombie after it woke: ${written.length}`,
  );
  return {
    problems: [
      ...(written.length > 0 ? [`the zombie wrote ${written.length} states after it woke`] : []),
      ...(nextEpoch !== epoch + 1 ? [`the controller epoch went from ${epoch} to ${nextEpoch}`] : []),
      ...(counts.lost > 0 ? [`${counts.lost} acknowledged records were lost`] : []),
    ],
    ...counts,
    zombie,
    successor,
    controllerEpoch: { before: epoch, after: nextEpoch },
    writesAfterWaking: written.length,
    detectMs:
      Number(context.timeline(sinceMs).find((event) => event.what === 'controller-elected')?.time ?? NaN) -
      sinceMs,
  };
}

export const zombieController: Story = {
  name: 'zombie-controller',
  title: 'zombie-controller: it slept through its own succession',
  question: 'the controller freezes for longer than its session, then goes on. Can it still move a leader?',
  brokers: 3,
  run,
};
