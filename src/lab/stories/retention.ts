/**
 * Retention deletes the oldest segments of a log: by size, then by age. A reader below the log start offset
 * gets an error.
 */
import { TopicPartition } from '../../common/cluster-types';
import { KafkaError } from '../../common/errors';
import { Consumer } from '../../consumer/consumer';
import { liveBytes, segmentsAmong, showSegments } from '../segment-files';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { openProducer } from '../workload';

const TP: TopicPartition = { topic: 'events', partition: 0 };
const RECORDS = 2000;
const KEEP_BYTES = 100_000;
const HOUR_MS = 3_600_000;

async function beginning(context: StoryContext): Promise<number> {
  const consumer = await Consumer.open(context.cluster.environment, context.cluster.clientConfig);
  try {
    return await consumer.beginningOffset(TP);
  } finally {
    await consumer.close();
  }
}

/** The result of a consumer without a reset policy that reads at offset 0. */
async function readAtZero(context: StoryContext): Promise<string> {
  const consumer = await Consumer.open(context.cluster.environment, {
    ...context.cluster.clientConfig,
    'auto.offset.reset': 'none',
  });
  try {
    consumer.assign([TP]);
    consumer.seek(TP, 0);
    for (;;) if ((await consumer.poll(1000)).length > 0) return 'records';
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error);
  } finally {
    await consumer.close();
  }
}

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  const segments = () => segmentsAmong(cluster.broker(1).files('events-0'));
  const config = { 'segment.bytes': '40000' };
  await cluster.createTopic(TP.topic, new Map([[0, [1]]]), config);
  const producer = await openProducer(cluster, { 'batch.size': 2000 });
  // The records have timestamps of two hours ago.
  const timestamp = Date.now() - 2 * HOUR_MS;
  await Promise.all(
    Array.from({ length: RECORDS }, (_, i) =>
      producer.send({
        ...TP,
        value: `event ${i}: something happened, and this is the sentence about it`,
        timestamp: timestamp + i,
      }),
    ),
  );
  const show = (what: string) => {
    const files = segments();
    context.say(what);
    for (const line of showSegments(files)) context.say(line);
    return files;
  };
  const before = show(`${RECORDS} events, two hours old. The log:`);
  context.say(
    `retention.bytes becomes ${KEEP_BYTES.toLocaleString('en')}: oldest segments go while at least as much ` +
      `is left`,
  );
  await cluster.alterTopicConfig(TP.topic, { ...config, 'retention.bytes': String(KEEP_BYTES) });
  await until('the first cut', () => liveBytes(segments()) < liveBytes(before));
  const bySize = show('Cut by size; files are marked first and removed a little later:');
  const start = await beginning(context);
  const late = await readAtZero(context);
  context.say(
    `the log begins at offset ${start}; a consumer at offset 0 without auto.offset.reset gets ${late}`,
  );
  context.say('retention.ms becomes one hour: every record is older than that');
  await cluster.alterTopicConfig(TP.topic, { ...config, 'retention.ms': String(HOUR_MS) });
  await until('the log to be empty', async () => (await beginning(context)) === RECORDS);
  const byAge = show(
    'Cut by age: even the active segment was rolled and went. A new, empty one begins where the log ended:',
  );
  const { offset } = await producer.send({ ...TP, value: 'the next event' });
  context.say(`the next record gets offset ${offset}: offsets are never used twice`);
  await producer.close();
  const left = liveBytes(bySize);
  return {
    problems: [
      ...(left >= KEEP_BYTES && left < KEEP_BYTES + 40_000 + 2_000
        ? []
        : [`${left} bytes were left of which ${KEEP_BYTES} should be kept`]),
      ...(late === 'OFFSET_OUT_OF_RANGE' ? [] : [`a consumer at offset 0 got ${late}`]),
      ...(offset === RECORDS ? [] : [`the next record got offset ${offset} instead of ${RECORDS}`]),
    ],
    bytesBefore: liveBytes(before),
    bytesBySize: left,
    bytesByAge: liveBytes(byAge),
    logStartBySize: start,
  };
}

export const retention: Story = {
  name: 'retention',
  title: 'retention: a log is cut from its start, by size and by age',
  question:
    'A log of segments of 40,000 bytes may keep 100,000. Which files go, what does a consumer get that ' +
    'stands before the cut, and which offset has the next record?',
  brokers: 1,
  settings: {
    'log.retention.check.interval.ms': 500,
    'log.initial.task.delay.ms': 500,
    'log.segment.delete.delay.ms': 3000,
  },
  run,
};
