/**
 * The cleaner compacts a topic: the last value of every key stays, at its own offset.
 */
import { TopicPartition } from '../../common/cluster-types';
import { liveBytes, segmentsAmong, showSegments } from '../segment-files';
import { Story, StoryContext, StoryResult } from '../story';
import { until } from '../wait';
import { openProducer, readAll } from '../workload';

const TP: TopicPartition = { topic: 'accounts', partition: 0 };
const KEYS = 20;
const UPDATES = 3000;
/** The last five accounts are written once, at the start. */
const account = (i: number) => (i < KEYS ? i : i % (KEYS - 5));

interface Reading {
  readonly records: number;
  readonly state: ReadonlyMap<string, string | null>;
  readonly offsets: readonly number[];
}

async function read(context: StoryContext): Promise<Reading> {
  const state = new Map<string, string | null>();
  const offsets: number[] = [];
  await readAll(context.cluster, TP, ({ key, value, offset }) => {
    state.set(key!.toString(), value?.toString() ?? null);
    offsets.push(offset);
  });
  return { records: offsets.length, state, offsets };
}

const present = (state: ReadonlyMap<string, string | null>) =>
  new Map([...state].filter(([, value]) => value !== null).sort());
const same = (a: ReadonlyMap<string, string | null>, b: ReadonlyMap<string, string | null>) =>
  JSON.stringify([...present(a)]) === JSON.stringify([...present(b)]);

async function run(context: StoryContext): Promise<StoryResult> {
  const { cluster } = context;
  const segments = () => segmentsAmong(cluster.broker(1).files('accounts-0'));
  // A dirty ratio that is never reached: nothing is cleaned before the story changes the setting.
  await cluster.createTopic(TP.topic, new Map([[0, [1]]]), {
    'cleanup.policy': 'compact',
    'segment.bytes': '40000',
    'min.cleanable.dirty.ratio': '1',
  });
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
    'batch.size': 2000,
  });
  const update = (i: number) =>
    producer.send({
      ...TP,
      key: `account-${account(i)}`,
      value: account(i) === 7 && i > UPDATES - KEYS ? null : `balance ${i} of a customer`,
    });
  await Promise.all(Array.from({ length: UPDATES }, (_, i) => update(i)));
  await producer.close();
  const before = await read(context);
  const filesBefore = segments();
  context.say(
    `${UPDATES} updates of ${KEYS} accounts, five of them written only once; account-7 ends with a ` +
      `tombstone. The log before cleaning:`,
  );
  for (const line of showSegments(filesBefore)) context.say(line);
  context.event('config', { topic: TP.topic, 'min.cleanable.dirty.ratio': '0.1' });
  context.say('min.cleanable.dirty.ratio goes from 1 to 0.1: the cleaner finds the log worth its while');
  await cluster.alterTopicConfig(TP.topic, {
    'cleanup.policy': 'compact',
    'segment.bytes': '40000',
    'min.cleanable.dirty.ratio': '0.1',
  });
  await until('the cleaner', () =>
    cluster.timeline().some((event) => event.what === 'log-cleaned' && event.topic === TP.topic),
  );
  const filesAfter = segments().filter((file) => file.name.endsWith('.log'));
  const after = await read(context);
  context.say('The log after cleaning; the active segment is never touched:');
  for (const line of showSegments(filesAfter)) context.say(line);
  const gap = after.offsets.findIndex((offset, i) => i > 0 && offset !== after.offsets[i - 1]! + 1);
  context.say(
    `${before.records} records became ${after.records}; offsets did not change: after ` +
      `${after.offsets[gap - 1]} comes ${after.offsets[gap]}`,
  );
  const [bytesBefore, bytesAfter] = [liveBytes(filesBefore), liveBytes(filesAfter)];
  return {
    problems: [
      ...(same(before.state, after.state) ? [] : ['an account has another balance than before']),
      ...(after.records < before.records / 2 && gap > 0
        ? []
        : [`${before.records} records only became ${after.records}`]),
      ...(bytesAfter < bytesBefore / 2 ? [] : [`${bytesBefore} bytes only became ${bytesAfter}`]),
      ...(after.offsets.every((offset) => before.offsets.includes(offset))
        ? []
        : ['a record has another offset than before']),
    ],
    bytesBefore,
    bytesAfter,
    recordsBefore: before.records,
    recordsAfter: after.records,
  };
}

export const compaction: Story = {
  name: 'compaction',
  title: 'compaction: of every key the last value stays',
  question:
    '3,000 updates of 20 accounts lie in a compacted topic. After the cleaner has been there: how many ' +
    'records are left, and which offsets do they have?',
  brokers: 1,
  settings: { 'log.cleaner.backoff.ms': 500, 'log.segment.delete.delay.ms': 1000 },
  run,
};
