/** Order and memory of a producer while brokers fail. Whole brokers, virtual time. */
import { failOnRejection } from '../support/fail-on-rejection';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

test('with one request in flight records keep their order, also over a change of the leader', async () => {
  const cluster = await bringUp('one-in-flight', 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster, {
    'request.timeout.ms': 20000,
    'delivery.timeout.ms': 120000,
  });
  expect(await send(cluster, producer, 'first')).toBe(0);
  cluster.pause(1);
  const settled: string[] = [];
  const push = (value: string) => void producer.send({ ...TP, value }).then(() => settled.push(value));
  push('under way');
  await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)!.leader === 2);
  push('behind it');
  await runFor(cluster, 5000);
  expect(settled).toEqual([]);
  cluster.resume(1);
  await runUntil(cluster, 'both are settled', () => settled.length === 2);
  await healAndSettle(cluster);
  expect(await readValues(cluster)).toEqual(['first', 'under way', 'behind it']);
});

test.each([
  ['its first batch', []],
  ['a later batch', ['first']],
])('an idempotent producer keeps the order when the leader changes under %s', async (_, before) => {
  const cluster = await bringUp('first-batch-under-way', 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
    'request.timeout.ms': 8000,
    'delivery.timeout.ms': 120000,
  });
  for (const value of before) expect(typeof (await send(cluster, producer, value))).toBe('number');
  cluster.pause(1);
  const settled: string[] = [];
  const push = (value: string) => void producer.send({ ...TP, value }).then(() => settled.push(value));
  push('under way');
  await runUntil(cluster, '2 leads', () => cluster.stateOf(TP)!.leader === 2);
  await runFor(cluster, 1000);
  push('behind it');
  await runFor(cluster, 30000);
  await healAndSettle(cluster);
  await runUntil(cluster, 'both are settled', () => settled.length === 2);
  expect(await readValues(cluster)).toEqual([...before, 'under way', 'behind it']);
});

test('records that could not be delivered give their memory back', async () => {
  const cluster = await bringUp('memory', 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster, {
    'batch.size': 1000,
    'buffer.memory': 3000,
    'request.timeout.ms': 1000,
    'delivery.timeout.ms': 3000,
    'max.block.ms': 1000,
    'retries': 0,
  });
  expect(await send(cluster, producer, 'first')).toBe(0);
  cluster.pause(1);
  cluster.pause(2);
  for (let i = 0; i < 10; i++) expect(typeof (await send(cluster, producer, `lost-${i}`))).toBe('string');
  await healAndSettle(cluster);
  expect(typeof (await send(cluster, producer, 'last'))).toBe('number');
});

test.each([1, 5])(
  'a busy partition does not keep another waiting until it is through, with %i in flight',
  async (most) => {
    const cluster = await bringUp('busy-partition', 1, [1]);
    const other = { topic: 'u', partition: 0 };
    await cluster.world.complete(cluster.createTopic('u', new Map([[0, [1]]])), 30000, 'creating the topic');
    await runUntil(cluster, 'it is in sync', () => cluster.isQuiet(other));
    const producer = await openProducer(cluster, {
      'max.in.flight.requests.per.connection': most,
      'batch.size': 200,
      'max.request.size': 200,
      'linger.ms': 0,
    });
    expect(await send(cluster, producer, 'first')).toBe(0);
    await cluster.world.complete(
      producer.send({ ...other, value: 'first' }),
      30000,
      'the first record of the other',
    );
    let busy = 0;
    let isThrough = false;
    for (let i = 0; i < 100; i++) {
      failOnRejection(
        producer.send({ ...TP, value: 'x'.repeat(100) }).then(() => {
          busy++;
        }),
      );
    }
    failOnRejection(
      producer.send({ ...other, value: 'y'.repeat(100) }).then(() => {
        isThrough = true;
      }),
    );
    await runUntil(cluster, 'the other is through', () => isThrough);
    expect(busy).toBeLessThan(20);
    await runUntil(cluster, 'all are through', () => busy === 100);
  },
);

test('a batch that a former leader refused goes to the new one without waiting for retry.backoff.ms', async () => {
  const cluster = await bringUp('new-leader', 3, [1, 2], {
    controller: 3,
    topic: { 'min.insync.replicas': '1' },
  });
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'retry.backoff.ms': 3600000,
    'delivery.timeout.ms': 7200000,
  });
  expect(await send(cluster, producer, 'first')).toBe(0);
  cluster.cutPeers(2, 1, true);
  let offset = -1;
  failOnRejection(
    producer.send({ ...TP, value: 'waits' }).then((sent) => {
      offset = sent.offset;
    }),
  );
  await runUntil(cluster, 'the leader has it', () => cluster.logOf(1, TP)!.logEndOffset === 2);
  cluster.terminate(1);
  await runUntil(cluster, 'the new leader acknowledges it', () => offset >= 0);
  expect(cluster.stateOf(TP)!.leader).toBe(2);
  expect(await readValues(cluster)).toEqual(['first', 'waits']);
});
