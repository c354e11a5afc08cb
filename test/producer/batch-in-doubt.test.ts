/** Batches of which nobody knows whether they were written (docs/decisions/0007). */
import { KafkaError } from '../../src/common/errors';
import { ProducerBatch } from '../../src/producer/producer-batch';
import { TransactionManager } from '../../src/producer/transaction-manager';
import { bringUp, openProducer, readValues, runFor, send, TP } from '../support/sim';

function batchesOf(transactions: TransactionManager, count: number): ProducerBatch[] {
  return Array.from({ length: count }, () => {
    const batch = new ProducerBatch(TP, Buffer.alloc(200), 0, 'none');
    batch.append(0, null, Buffer.from('v'), [], () => {});
    transactions.assignSequence(batch);
    batch.sent(0, 0);
    return batch;
  });
}

const place = ({ producerEpoch, baseSequence }: ProducerBatch) => [producerEpoch, baseSequence];

test('a batch that may have been written keeps its number; only when its fate is known the rest is numbered again', () => {
  const transactions = new TransactionManager();
  transactions.setProducerId(7, 0);
  const [inDoubt, tooLarge, behind] = batchesOf(transactions, 3) as [
    ProducerBatch,
    ProducerBatch,
    ProducerBatch,
  ];
  tooLarge.refusedWith('MESSAGE_TOO_LARGE');
  transactions.failed(tooLarge, new KafkaError('MESSAGE_TOO_LARGE'));
  behind.refusedWith('OUT_OF_ORDER_SEQUENCE_NUMBER');
  expect(transactions.resolve()).toBe(false);
  expect([inDoubt, behind].map(place)).toEqual([
    [0, 0],
    [0, 2],
  ]);
  // It is asked about first, by sending it again as it was.
  expect([transactions.maySend(inDoubt), transactions.maySend(behind)]).toEqual([true, false]);
  transactions.completed(inDoubt, 0);
  expect(transactions.resolve()).toBe(true);
  expect(place(behind)).toEqual([1, 0]);
  expect(transactions.maySend(behind)).toBe(true);
});

test('after a batch of unknown fate was given up, nothing new leaves until it is known what came of those behind it', () => {
  const transactions = new TransactionManager();
  transactions.setProducerId(7, 0);
  const [lost, behind] = batchesOf(transactions, 2) as [ProducerBatch, ProducerBatch];
  transactions.failed(lost, new KafkaError('TIMEOUT'));
  const fresh = new ProducerBatch(TP, Buffer.alloc(200), 0, 'none');
  fresh.append(0, null, Buffer.from('v'), [], () => {});
  expect(transactions.resolve()).toBe(false);
  expect(transactions.maySend(fresh)).toBe(false);
  // The one behind was taken: so the lost one is in the log.
  transactions.completed(behind, 1);
  expect(transactions.resolve()).toBe(false);
  expect(transactions.maySend(fresh)).toBe(true);
  transactions.assignSequence(fresh);
  expect(place(fresh)).toEqual([0, 2]);
});

test('the late answer of a repeated batch does not undo what a later one has said', () => {
  const transactions = new TransactionManager();
  transactions.setProducerId(7, 0);
  const [first, second, lost] = batchesOf(transactions, 3) as [ProducerBatch, ProducerBatch, ProducerBatch];
  transactions.completed(second, 1);
  transactions.completed(first, 0);
  lost.refusedWith('OUT_OF_ORDER_SEQUENCE_NUMBER');
  // 2 follows 1, so it was expected: the sequence is broken, and numbering again is the only way on.
  expect(transactions.verdictOn(lost, new KafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER'), 0)).toBe('retry');
  expect(transactions.resolve()).toBe(true);
  expect(place(lost)).toEqual([1, 0]);
});

test('a batch that was perhaps written is not split when the broker finds it too large on a repetition', async () => {
  const cluster = await bringUp('halves-in-doubt', 3, [1, 2, 3]);
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
    'linger.ms': 20,
    'request.timeout.ms': 1000,
    'delivery.timeout.ms': 20000,
  });
  expect(await send(cluster, producer, 'first')).toBe(0);
  const client = cluster.lastClient;
  cluster.network.cut('broker-1', client);
  const sent = Array.from({ length: 4 }, (_, i) =>
    producer.send({ ...TP, value: `v${i}` }).then(
      () => 'acked',
      (error: KafkaError) => error.errorName,
    ),
  );
  await runFor(cluster, 500);
  expect(cluster.logOf(1, TP)!.logEndOffset).toBe(5);
  const partition = cluster.broker(1).broker!.replicas.get(TP)!;
  const append = partition.appendAsLeader.bind(partition);
  partition.appendAsLeader = (records, acks) => {
    if (records.readInt32BE(57) > 2) throw new KafkaError('MESSAGE_TOO_LARGE');
    return append(records, acks);
  };
  await runFor(cluster, 3000);
  cluster.network.heal('broker-1', client);
  const outcomes = await cluster.world.complete(Promise.all(sent), 60000, 'all sends');
  expect(new Set(outcomes).size).toBe(1);
  expect(await readValues(cluster)).toEqual(['first', 'v0', 'v1', 'v2', 'v3']);
});

test('the first batch of a partition goes alone: a leader that refused it must not take a later one', () => {
  const transactions = new TransactionManager();
  transactions.setProducerId(7, 0);
  const [first] = batchesOf(transactions, 1) as [ProducerBatch];
  const later = new ProducerBatch(TP, Buffer.alloc(200), 0, 'none');
  later.append(0, null, Buffer.from('v'), [], () => {});
  expect(transactions.maySend(later)).toBe(false);
  first.refusedWith('NOT_ENOUGH_REPLICAS');
  expect([transactions.maySend(first), transactions.maySend(later)]).toEqual([true, false]);
  transactions.completed(first, 0);
  expect(transactions.maySend(later)).toBe(true);
});
