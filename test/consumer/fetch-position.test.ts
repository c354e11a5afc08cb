/** What a consumer is handed, from a position in the middle of a batch. Whole brokers, virtual time. */
import { bringUp, openProducer, TP } from '../support/sim';

test('a consumer that begins in the middle of a batch gets nothing that lies before', async () => {
  const cluster = await bringUp('mid-batch', 3, [1, 2]);
  const producer = await openProducer(cluster, { 'linger.ms': 100 });
  const sent = Promise.all(['a', 'b', 'c', 'd'].map((value) => producer.send({ ...TP, value })));
  expect((await cluster.world.complete(sent, 30000, 'one batch')).map(({ offset }) => offset)).toEqual([
    0, 1, 2, 3,
  ]);
  expect(cluster.logOf(1, TP)!.read(0, 4, 1 << 20, true)).toHaveLength(1);
  const consumer = await cluster.world.complete(cluster.consumer(), 30000, 'opening a consumer');
  consumer.assign([TP]);
  consumer.seek(TP, 2);
  const values: string[] = [];
  const read = async () => {
    while (values.length < 2)
      for (const { value } of await consumer.poll(1000)) values.push(value!.toString());
  };
  await cluster.world.complete(read(), 30000, 'reading');
  expect(values).toEqual(['c', 'd']);
});
