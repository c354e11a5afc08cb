/**
 * Producers and consumers on simulated hosts: what retries may and may not do, and what each way to commit
 * loses.
 */
import { TopicPartition } from '../../src/common/cluster-types';
import { KafkaError } from '../../src/common/errors';
import { Consumer } from '../../src/consumer/consumer';
import { Producer } from '../../src/producer/producer';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { failOnRejection } from '../support/fail-on-rejection';
import { bringUp, healAndSettle, openProducer, readValues, runFor, runUntil, send, TP } from '../support/sim';

/** Appends happen, answers do not come back: what makes a client send twice. */
async function withLostAnswers(seed: string, config: Record<string, unknown>): Promise<string[]> {
  const cluster = await bringUp(seed, 3, [1, 2, 3], { settings: { 'request.timeout.ms': 2000 } });
  const producer = await openProducer(cluster, {
    'request.timeout.ms': 1000,
    'retry.backoff.ms': 50,
    'linger.ms': 0,
    ...config,
  });
  expect(await send(cluster, producer, 'first')).toBe(0);
  const client = cluster.lastClient;
  cluster.network.cut('broker-1', client);
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 5; i++) {
    sent.push(producer.send({ ...TP, value: `v${i}` }));
    await runFor(cluster, 20);
  }
  // Longer than the producer waits for an answer.
  await runFor(cluster, 5000);
  expect(cluster.logOf(1, TP)!.logEndOffset).toBeGreaterThan(1);
  cluster.network.heal('broker-1', client);
  await cluster.world.complete(Promise.all(sent), 120000, 'all sends');
  return readValues(cluster);
}

test('F18: an answer that is lost makes an idempotent producer repeat its batch, and the log has it once', async () => {
  expect(
    await withLostAnswers('f18-b', {
      'enable.idempotence': true,
      'max.in.flight.requests.per.connection': 5,
    }),
  ).toEqual(['first', 'v0', 'v1', 'v2', 'v3', 'v4']);
});

test('F18, without idempotence: the repeated batch stands in the log twice', async () => {
  const values = await withLostAnswers('f18-b', { 'max.in.flight.requests.per.connection': 1 });
  expect(new Set(values).size).toBe(6);
  expect(values.length).toBeGreaterThan(6);
});

/** The first of several batches in flight is refused once, while the later ones are accepted. */
async function withOneRefusal(seed: string, config: Record<string, unknown>): Promise<string[]> {
  const cluster = await bringUp(seed, 3, [1, 2, 3]);
  const producer = await openProducer(cluster, { 'linger.ms': 0, 'retry.backoff.ms': 200, ...config });
  expect(await send(cluster, producer, 'first')).toBe(0);
  const partition = cluster.broker(1).broker!.replicas.get(TP)!;
  const append = partition.appendAsLeader.bind(partition);
  let refusals = 1;
  partition.appendAsLeader = (records, acks) => {
    if (refusals-- > 0) throw new KafkaError('NOT_ENOUGH_REPLICAS');
    return append(records, acks);
  };
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 4; i++) {
    sent.push(producer.send({ ...TP, value: `v${i}` }));
    // One batch each: they leave one after the other, without waiting for answers.
    await Promise.resolve();
    await runFor(cluster, 0.05);
  }
  await cluster.world.complete(Promise.all(sent), 60000, 'all sends');
  return readValues(cluster);
}

test('F19: a refused first batch does not change the order with idempotence, nor with one request in flight', async () => {
  const ordered = ['first', 'v0', 'v1', 'v2', 'v3'];
  expect(
    await withOneRefusal('f19-a', { 'enable.idempotence': true, 'max.in.flight.requests.per.connection': 5 }),
  ).toEqual(ordered);
  expect(await withOneRefusal('f19-b', { 'max.in.flight.requests.per.connection': 1 })).toEqual(ordered);
});

test('F19, without either: the refused batch ends up behind the later ones', async () => {
  const values = await withOneRefusal('f19-c', { 'max.in.flight.requests.per.connection': 5 });
  expect([...values].sort()).toEqual(['first', 'v0', 'v1', 'v2', 'v3']);
  expect(values.indexOf('v0')).toBeGreaterThan(values.indexOf('v1'));
});

test('an idempotent producer whose leader dies in between goes on with the next one: nothing lost, nothing twice, in order', async () => {
  const cluster = await bringUp('idempotent-failover', 3, [1, 2, 3], {
    topic: { 'min.insync.replicas': '2' },
  });
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
    'linger.ms': 0,
    'request.timeout.ms': 2000,
  });
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    sent.push(producer.send({ ...TP, value: `v${i}` }));
    if (i === 60) cluster.kill(1);
    if (i === 140) cluster.terminate(cluster.stateOf(TP)!.leader);
    await runFor(cluster, 37);
  }
  await healAndSettle(cluster);
  await cluster.world.complete(Promise.all(sent), 200000, 'all sends');
  expect(await readValues(cluster)).toEqual(Array.from({ length: 200 }, (_, i) => `v${i}`));
});

describe('F15: a client whose metadata is old', () => {
  test.each(['zookeeper.connect', 'bootstrap.servers'])(
    'finds the new leader by itself when it learns by %s',
    async (source) => {
      const cluster = await bringUp(`f15-${source}`, 3, [1, 2, 3]);
      const where =
        source === 'zookeeper.connect'
          ? { 'zookeeper.connect': 'z' }
          : { 'zookeeper.connect': null, 'bootstrap.servers': 'broker-1:9092,broker-2:9092,broker-3:9092' };
      const producer = await openProducer(cluster, { ...where, 'metadata.max.age.ms': 10_000_000 });
      const consumer = await cluster.world.complete(
        cluster.consumer({ ...where, 'metadata.max.age.ms': 10_000_000 }),
        30000,
        'opening',
      );
      consumer.assign([TP]);
      const read: string[] = [];
      const readOn = async () => {
        for (;;) for (const record of await consumer.poll(1000)) read.push(record.value!.toString());
      };
      failOnRejection(readOn());
      for (let round = 0; round < 3; round++) {
        expect(typeof (await send(cluster, producer, `r${round}`))).toBe('number');
        await runUntil(cluster, 'it was read', () => read.includes(`r${round}`));
        const leader = cluster.stateOf(TP)!.leader;
        cluster.terminate(leader);
        await runUntil(
          cluster,
          'another leads',
          () => cluster.stateOf(TP)!.leader !== leader && !cluster.isRunning(leader),
        );
        cluster.start(leader);
      }
      expect(typeof (await send(cluster, producer, 'last'))).toBe('number');
      await runUntil(cluster, 'the last was read', () => read.includes('last'));
    },
  );

  test('with its watches cut off, it still hears NOT_LEADER and asks: no message is stuck', async () => {
    const cluster = await bringUp('f15-frozen', 3, [1, 2, 3], {
      settings: { 'controlled.shutdown.enable': 'true' },
    });
    const producer = await openProducer(cluster, { 'delivery.timeout.ms': 120000 });
    expect(await send(cluster, producer, 'before')).toBe(0);
    const client = cluster.lastClient;
    cluster.network.cut('zookeeper', client);
    cluster.terminate(1);
    await runUntil(cluster, 'another leads', () => cluster.stateOf(TP)!.leader !== 1);
    const stuck = producer.send({ ...TP, value: 'meanwhile' });
    await runFor(cluster, 3000);
    cluster.network.heal('zookeeper', client);
    expect((await cluster.world.complete(stuck, 120000, 'the send')).offset).toBe(1);
  });
});

describe('F20: when the work is done beside the poll loop', () => {
  /**
   * Hands records to a slow worker and polls on; returns what was done before the crash and what the heir
   * then did.
   */
  async function crashWithWorkPending(
    seed: string,
    autoCommit: boolean,
  ): Promise<{ done: Set<number>; pending: number[]; committed: number }> {
    const cluster = await bringUp(seed, 3, [1, 2, 3], {
      settings: { 'offsets.topic.num.partitions': 1, 'group.initial.rebalance.delay.ms': 100 },
    });
    const producer = await openProducer(cluster);
    await cluster.world.complete(
      Promise.all(Array.from({ length: 50 }, (_, i) => producer.send({ ...TP, value: String(i) }))),
      60000,
      'producing',
    );
    const environment = cluster.environment();
    const config = {
      'zookeeper.connect': 'z',
      'group.id': 'g',
      'auto.offset.reset': 'earliest',
      'session.timeout.ms': 6000,
      'heartbeat.interval.ms': 500,
      'enable.auto.commit': autoCommit,
      'auto.commit.interval.ms': 200,
      'max.poll.records': 10,
    };
    const consumer = new Consumer(environment, config);
    await consumer.subscribe([TP.topic]);
    const done = new Set<number>();
    const pending: number[] = [];
    const readOn = async () => {
      for (;;) for (const record of await consumer.poll(100)) pending.push(record.offset);
    };
    failOnRejection(readOn());
    const worker = () =>
      cluster.world.schedule(300, () => {
        const offset = pending.shift();
        if (environment.simHost.life.isDead) return;
        if (offset !== undefined) {
          done.add(offset);
          if (!autoCommit) consumer.commitAsync([{ ...TP, offset: offset + 1 }]);
        }
        worker();
      });
    worker();
    await runUntil(cluster, 'some work is done', () => done.size >= 8);
    environment.simHost.kill();
    const heir = new Consumer(cluster.environment(), config);
    const committed =
      (await cluster.world.complete(heir.committed([TP]), 30000, 'reading the offset')).get('t-0')?.offset ??
      0;
    await heir.subscribe([TP.topic]);
    const rest = async () => {
      while (
        done.size < 50 - (autoCommit ? pending.length + 1 : 0) &&
        (await heir.position(TP).catch(() => 0)) < 50
      )
        for (const record of await heir.poll(100)) done.add(record.offset);
    };
    await cluster.world.complete(
      (async () => {
        while (heir.assignment().length === 0)
          for (const record of await heir.poll(100)) done.add(record.offset);
        await rest();
      })(),
      60000,
      'the heir reads on',
    );
    return { done, pending, committed };
  }

  test('auto-commit loses what was committed and not yet done, and nothing else', async () => {
    const { done, pending, committed } = await crashWithWorkPending('f20-auto', true);
    const lost = Array.from({ length: 50 }, (_, i) => i).filter((offset) => !done.has(offset));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.every((offset) => offset < committed && (pending.includes(offset) || offset < 50))).toBe(
      true,
    );
  });

  test('committing behind the work loses nothing', async () => {
    const { done } = await crashWithWorkPending('f20-manual', false);
    expect(done.size).toBe(50);
  });
});

describe('the edges', () => {
  const tp = (partition: number): TopicPartition => ({ topic: TP.topic, partition });

  async function producerOf(cluster: SimCluster, config: Record<string, unknown> = {}): Promise<Producer> {
    return openProducer(cluster, config);
  }
  const outcome = (cluster: SimCluster, work: Promise<unknown>) =>
    cluster.world.complete(
      work.then(
        () => 'ok',
        (error) => (error as KafkaError).errorName as string,
      ),
      200000,
      'the call',
    );

  test("what is wrong with a record is said by the call that brought it, with Kafka's name", async () => {
    const cluster = await bringUp('bad-records', 1, [1]);
    const producer = await producerOf(cluster, {
      'max.request.size': 1000,
      'value.serializer': 'json',
      'max.block.ms': 500,
    });
    expect(await outcome(cluster, producer.send({ ...TP, value: 'x'.repeat(2000) }))).toBe(
      'RECORD_TOO_LARGE',
    );
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(await outcome(cluster, producer.send({ ...TP, value: circle }))).toBe('SERIALIZATION');
    expect(await outcome(cluster, producer.send({ ...TP, key: 5, value: 1 }))).toBe('SERIALIZATION');
    expect(await outcome(cluster, producer.send({ ...tp(7), value: 1 }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await outcome(cluster, producer.send({ ...TP, value: 1, timestamp: -5 }))).toBe(
      'INVALID_TIMESTAMP',
    );
    expect(await outcome(cluster, producer.send({ topic: 'no/such', value: 1 }))).toBe(
      'INVALID_TOPIC_EXCEPTION',
    );
    expect(await outcome(cluster, producer.send({ topic: 'missing', value: 1 }))).toBe('TIMEOUT');
    expect(await outcome(cluster, producer.send({ ...TP, value: 1 }))).toBe('ok');
    await cluster.world.complete(producer.close(), 30000, 'closing');
    expect(await outcome(cluster, producer.send({ ...TP, value: 1 }))).toBe('ILLEGAL_STATE');
    expect(await readValues(cluster)).toEqual(['1']);
  });

  test('a full buffer makes send wait, and fail with TIMEOUT after max.block.ms; an aborted wait ends at once', async () => {
    const cluster = await bringUp('full-buffer', 1, [1]);
    const producer = await producerOf(cluster, {
      'buffer.memory': 2000,
      'batch.size': 1000,
      'max.block.ms': 3000,
      'linger.ms': 100000,
    });
    await cluster.world.complete(producer.partitionsFor(TP.topic), 30000, 'metadata');
    cluster.kill(1);
    const sent = Array.from({ length: 4 }, () =>
      producer.send({ ...TP, value: 'x'.repeat(800) }).then(
        () => 'ok',
        (error) => error.errorName as string,
      ),
    );
    expect(await cluster.world.complete(Promise.race(sent.slice(2)), 30000, 'the third')).toBe('TIMEOUT');
    const controller = new AbortController();
    const aborted = producer
      .send({ ...TP, value: 'x'.repeat(800) }, null, { signal: controller.signal })
      .then(
        () => 'ok',
        (error) => (error as Error).name,
      );
    await runFor(cluster, 100);
    controller.abort();
    expect(await cluster.world.complete(aborted, 5000, 'the aborted one')).toBe('AbortError');
    expect(producer.metrics()['buffer-available-bytes']).toBeLessThan(1000);
  });

  test('interceptors see every record and its fate; one that throws changes nothing', async () => {
    const cluster = await bringUp('interceptors', 1, [1]);
    const seen: string[] = [];
    const producer = await producerOf(cluster, {
      'interceptor.classes': [
        {
          onSend: (record: { value: string }) => ({ ...record, value: `${record.value}!` }),
          onAcknowledgement: (metadata: { offset: number } | null, error: KafkaError | null) =>
            seen.push(error ? error.errorName : `acked ${metadata!.offset}`),
        },
        {
          onSend: () => {
            throw new Error('a bad interceptor');
          },
        },
      ],
    });
    expect(await send(cluster, producer, 'hello')).toBe(0);
    await outcome(cluster, producer.send({ ...tp(9), value: 'x' }));
    expect(seen).toEqual(['acked 0', 'UNKNOWN_TOPIC_OR_PARTITION']);
    expect(await readValues(cluster)).toEqual(['hello!']);
  });

  test('flush waits for what was sent before it, not for what comes later', async () => {
    const cluster = await bringUp('flush', 1, [1]);
    const producer = await producerOf(cluster, { 'linger.ms': 60000 });
    const early = [0, 1, 2].map((i) => producer.send({ ...TP, value: `e${i}` }));
    let stop = false;
    const later = () =>
      cluster.world.schedule(1, () => {
        if (stop) return;
        void producer.send({ ...TP, value: 'later' }).catch(() => {});
        later();
      });
    later();
    await cluster.world.complete(producer.flush(), 30000, 'flushing');
    stop = true;
    expect((await Promise.all(early)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  test('a batch that is too large for the broker is sent in halves; a single record that is fails', async () => {
    const cluster = await bringUp('split', 1, [1], { topic: { 'max.message.bytes': '600' } });
    const producer = await producerOf(cluster, {
      'linger.ms': 20,
      'batch.size': 16384,
      'enable.idempotence': true,
      'max.in.flight.requests.per.connection': 5,
    });
    const sent = Array.from({ length: 20 }, (_, i) =>
      producer.send({ ...TP, value: `${i}-${'x'.repeat(90)}` }),
    );
    const offsets = (await cluster.world.complete(Promise.all(sent), 60000, 'all sends')).map(
      ({ offset }) => offset,
    );
    expect(offsets).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(await outcome(cluster, producer.send({ ...TP, value: 'y'.repeat(900) }))).toBe(
      'MESSAGE_TOO_LARGE',
    );
    expect(await send(cluster, producer, 'after')).toBe(20);
  });

  test("consumers: illegal calls, resets and broken records are said with Kafka's names, and the position stays", async () => {
    const cluster = await bringUp('bad-consumer', 1, [1], {
      settings: { 'offsets.topic.replication.factor': 1 },
    });
    const producer = await producerOf(cluster);
    await send(cluster, producer, '{"good":1}');
    await send(cluster, producer, 'not json');
    const consumer = await cluster.world.complete(
      cluster.consumer({ 'value.deserializer': 'json', 'auto.offset.reset': 'none' }),
      30000,
      'opening',
    );
    expect(await outcome(cluster, consumer.poll(10))).toBe('ILLEGAL_STATE');
    expect(await outcome(cluster, consumer.subscribe([TP.topic]))).toBe('INVALID_GROUP_ID');
    expect(await outcome(cluster, consumer.commitSync())).toBe('INVALID_GROUP_ID');
    consumer.assign([TP]);
    expect(
      await outcome(
        cluster,
        (async () => {
          for (;;) await consumer.poll(100);
        })(),
      ),
    ).toBe('NO_OFFSET_FOR_PARTITION');
    consumer.seek(TP, 0);
    const first = await cluster.world.complete(consumer.poll(5000), 30000, 'the good one');
    expect(first.map((record) => record.value)).toEqual([{ good: 1 }]);
    expect(await outcome(cluster, consumer.poll(5000))).toBe('SERIALIZATION');
    expect(
      await outcome(
        cluster,
        (async () => {
          for (;;) if ((await consumer.poll(100)).length > 0) return;
        })(),
      ),
    ).toBe('SERIALIZATION');
    expect(await cluster.world.complete(consumer.position(TP), 5000, 'position')).toBe(1);
    consumer.seek(TP, 99);
    expect(
      await outcome(
        cluster,
        (async () => {
          for (;;) await consumer.poll(100);
        })(),
      ),
    ).toBe('OFFSET_OUT_OF_RANGE');
    const waiting = outcome(cluster, consumer.poll(100000));
    consumer.seek(TP, 2);
    consumer.wakeup();
    expect(await waiting).toBe('WAKEUP');
    expect(() => consumer.seek(tp(5), 0)).toThrow('No current assignment');
    await cluster.world.complete(consumer.close(), 30000, 'closing');
    expect(await outcome(cluster, consumer.poll(10))).toBe('ILLEGAL_STATE');
  });

  test('iterating commits what was handed out: the record at hand, and nothing beyond', async () => {
    const cluster = await bringUp('iterate', 1, [1], {
      settings: {
        'offsets.topic.replication.factor': 1,
        'offsets.topic.num.partitions': 1,
        'group.initial.rebalance.delay.ms': 0,
      },
    });
    const producer = await producerOf(cluster);
    for (let i = 0; i < 10; i++) await send(cluster, producer, `v${i}`);
    const consumer = await cluster.world.complete(
      cluster.consumer({ 'group.id': 'g', 'enable.auto.commit': false, 'session.timeout.ms': 6000 }),
      30000,
      'opening',
    );
    await consumer.subscribe([TP.topic]);
    const work = async () => {
      for await (const record of consumer) {
        if (record.offset !== 3) continue;
        await consumer.commitSync();
        return;
      }
    };
    await cluster.world.complete(work(), 60000, 'iterating');
    expect(
      (await cluster.world.complete(consumer.committed([TP]), 30000, 'reading back')).get('t-0')!.offset,
    ).toBe(4);
  });

  test('offsets by time: the first record at or after it; a partition without one is left out', async () => {
    const cluster = await bringUp('times', 1, [1]);
    const producer = await producerOf(cluster);
    for (let i = 0; i < 5; i++)
      await cluster.world.complete(
        producer.send({ ...TP, value: 'x', timestamp: 1000 + i * 10 }),
        30000,
        'sending',
      );
    const consumer = await cluster.world.complete(cluster.consumer(), 30000, 'opening');
    const at = async (timestamp: number) =>
      (await cluster.world.complete(consumer.offsetsForTimes([{ ...TP, timestamp }]), 30000, 'looking')).get(
        't-0',
      );
    expect(await at(0)).toEqual({ offset: 0, timestamp: 1000 });
    expect(await at(1011)).toEqual({ offset: 2, timestamp: 1020 });
    expect(await at(1041)).toBeUndefined();
  });
});
