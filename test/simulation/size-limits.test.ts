/** Limits of size: at the producer, the broker, the topic and the fetch. Whole brokers, virtual time. */
import { bringUp, openProducer, runUntil, send, TP } from '../support/sim';

const big = (bytes: number) => 'x'.repeat(bytes);

test("message.max.bytes of the broker and max.message.bytes of the topic: the topic's word counts, either way", async () => {
  const cluster = await bringUp('limits', 3, [1, 2], { settings: { 'message.max.bytes': '2000' } });
  const tps = [TP, { topic: 'wide', partition: 0 }, { topic: 'narrow', partition: 0 }];
  await cluster.world.complete(
    cluster.createTopic('wide', new Map([[0, [1, 2]]]), { 'max.message.bytes': '9000' }),
    30000,
    'creating a topic',
  );
  await cluster.world.complete(
    cluster.createTopic('narrow', new Map([[0, [1, 2]]]), { 'max.message.bytes': '500' }),
    30000,
    'creating a topic',
  );
  await runUntil(cluster, 'all are led', () => tps.every((tp) => cluster.isQuiet(tp)));
  const producer = await openProducer(cluster);
  const sendTo = (topic: string, bytes: number) =>
    cluster.world.complete(
      producer.send({ topic, partition: 0, value: big(bytes) }).then(
        ({ offset }) => offset,
        (error) => (error as { errorName: string }).errorName,
      ),
      60000,
      'sending',
    );
  expect([await sendTo('t', 1000), await sendTo('t', 2500)]).toEqual([0, 'MESSAGE_TOO_LARGE']);
  expect([await sendTo('wide', 2500), await sendTo('wide', 9500)]).toEqual([0, 'MESSAGE_TOO_LARGE']);
  expect([await sendTo('narrow', 300), await sendTo('narrow', 1000)]).toEqual([0, 'MESSAGE_TOO_LARGE']);
  await runUntil(cluster, 'what was accepted is replicated', () => tps.every((tp) => cluster.isQuiet(tp)));
});

test('max.request.size of the producer refuses before anything is sent', async () => {
  const cluster = await bringUp('request-size', 3, [1, 2]);
  const producer = await openProducer(cluster, { 'max.request.size': 1000 });
  expect(await send(cluster, producer, big(1500))).toBe('RECORD_TOO_LARGE');
  expect(cluster.logOf(1, TP)!.logEndOffset).toBe(0);
});

test('a batch larger than every limit of a fetch still reaches followers and consumers', async () => {
  const cluster = await bringUp('progress', 3, [1, 2, 3], {
    settings: {
      'replica.fetch.max.bytes': '1024',
      'replica.fetch.response.max.bytes': '1024',
      'fetch.max.bytes': '1024',
    },
    topic: { 'min.insync.replicas': '3' },
  });
  const producer = await openProducer(cluster);
  const sizes = [3000, 10, 50_000, 10, 10, 5000];
  for (const [i, size] of sizes.entries()) expect(await send(cluster, producer, big(size))).toBe(i);
  const consumer = await cluster.world.complete(
    cluster.consumer({ 'fetch.max.bytes': 100, 'max.partition.fetch.bytes': 100 }),
    30000,
    'opening a consumer',
  );
  consumer.assign([TP]);
  const found: number[] = [];
  const read = async () => {
    while (found.length < sizes.length)
      for (const record of await consumer.poll(1000)) found.push(record.value!.length);
  };
  await cluster.world.complete(read(), 60000, 'reading');
  expect(found).toEqual(sizes);
});
