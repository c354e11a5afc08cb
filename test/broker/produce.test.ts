/**
 * Produce requests at the leader: what is refused, what is acknowledged, and how acks 0 is told of an error.
 */
import { handleProduce } from '../../src/broker/handlers/produce';
import { Partition } from '../../src/broker/partition';
import { Purgatory } from '../../src/broker/purgatory';
import { ErrorName, errorName, InvariantError, KafkaError } from '../../src/common/errors';
import { Clock } from '../../src/common/host';
import { Asker, CloseConnection } from '../../src/network/server-connection';

const ASKER: Asker = { onGone: () => {}, hold: () => () => {}, nextTurn: () => Promise.resolve() };

/** Two partitions whose outcome is set by the test; `append` throws what appending to a partition throws. */
function leader(
  outcomes: Record<number, ErrorName | 'pending'>,
  append: (partition: number) => void = () => {},
) {
  let expire = () => {};
  const appended: string[] = [];
  const logged: string[] = [];
  const log = {
    error: (line: string) => {
      logged.push(line);
    },
  };
  const partitionOf = (partition: number) => ({
    log: { logStartOffset: 0 },
    appendAsLeader: () => {
      append(partition);
      return { firstOffset: 7, lastOffset: 9, logAppendTimeMs: -1 };
    },
  });
  const producePurgatory = new Purgatory({
    wallMs: () => 0,
    monotonicMs: () => 0,
    schedule: (_delayMs, action) => {
      expire = action;
      return { cancel: () => {} };
    },
  });
  const replicas = {
    require: (tp: { partition: number }) => {
      if (outcomes[tp.partition] === undefined) throw new KafkaError('NOT_LEADER_OR_FOLLOWER');
      return partitionOf(tp.partition) as unknown as Partition;
    },
    appended: (tp: { topic: string }) => {
      appended.push(tp.topic);
    },
    replicationOutcome: (tp: { partition: number }) => outcomes[tp.partition]!,
    producePurgatory,
  };
  const partitionData = [0, 1].map((index) => ({ index, records: [Buffer.alloc(1)] }));
  const produce = (acks: number, topic: string, clientId = 'client') =>
    handleProduce(
      { replicas, host: { clock: { monotonicMs: () => 0 } as Clock }, log, maxExpandedBytes: 1 << 20 },
      {
        acks,
        timeoutMs: 1000,
        topicData: [{ name: topic, partitionData }],
      },
      { header: { clientId }, asker: ASKER },
    );
  const errorsOf = async (acks: number, topic: string, clientId?: string) => {
    const response = await produce(acks, topic, clientId);
    if (response === undefined || response instanceof CloseConnection) return response;
    return response.responses[0]!.partitionResponses.map((row) => errorName(row.errorCode));
  };
  return { produce, partitionData, errorsOf, producePurgatory, appended, logged, expire: () => expire() };
}

test('clients may not write to internal topics; an admin client, as in Kafka, may', async () => {
  const { errorsOf, appended } = leader({ 0: 'NONE', 1: 'NONE' });
  for (const topic of ['__consumer_offsets', '__transaction_state']) {
    expect(await errorsOf(1, topic)).toEqual(['INVALID_TOPIC_EXCEPTION', 'INVALID_TOPIC_EXCEPTION']);
    expect(await errorsOf(0, topic)).toBeInstanceOf(CloseConnection);
  }
  expect(appended).toEqual([]);
  expect(await errorsOf(1, '__consumer_offsets', '__admin_client')).toEqual(['NONE', 'NONE']);
  expect(await errorsOf(1, '__consumer_offsets_of_mine')).toEqual(['NONE', 'NONE']);
});

test('acks 0: an error closes the connection, success says nothing', async () => {
  expect(await leader({ 0: 'NONE' }).errorsOf(0, 't')).toEqual(
    new CloseConnection('error during a produce request with acks=0 (t-1: NOT_LEADER_OR_FOLLOWER)'),
  );
  expect(await leader({ 0: 'NONE', 1: 'NONE' }).errorsOf(0, 't')).toBeUndefined();
});

test('a partition that was acknowledged stays so, whatever becomes of its leader', async () => {
  const outcomes: Record<number, ErrorName | 'pending'> = { 0: 'pending', 1: 'pending' };
  const { errorsOf, producePurgatory } = leader(outcomes);
  const answer = errorsOf(-1, 't');
  const look = async () => {
    producePurgatory.check({ topic: 't', partition: 1 });
    await Promise.resolve();
  };
  outcomes[1] = 'NONE';
  await look();
  outcomes[1] = 'NOT_LEADER_OR_FOLLOWER';
  outcomes[0] = 'NONE';
  await look();
  expect(await answer).toEqual(['NONE', 'NONE']);
});

test('what is not acknowledged in time is REQUEST_TIMED_OUT, the rest is answered as it is', async () => {
  const outcomes: Record<number, ErrorName | 'pending'> = { 0: 'pending', 1: 'NONE' };
  const { errorsOf, expire } = leader(outcomes);
  const answer = errorsOf(-1, 't');
  expire();
  expect(await answer).toEqual(['REQUEST_TIMED_OUT', 'NONE']);
});

test('who remembers a request that waits for its replicas holds none of its records', async () => {
  const { produce, partitionData, expire } = leader({ 0: 'pending', 1: 'pending' });
  const answer = produce(-1, 't');
  expect(answer).toBeInstanceOf(Promise);
  expect(partitionData).toEqual([0, 1].map((index) => ({ index, records: [] })));
  expire();
  await answer;
});

test('other acks than 0, 1 and -1 are refused before anything is written', async () => {
  const { errorsOf, appended } = leader({ 0: 'NONE', 1: 'NONE' });
  expect(await errorsOf(2, 't')).toEqual(['INVALID_REQUIRED_ACKS', 'INVALID_REQUIRED_ACKS']);
  expect(appended).toEqual([]);
});

test('an error that nobody expected fails its own partition; the others are acknowledged', async () => {
  const fails = (partition: number) => {
    if (partition === 0) throw new TypeError('undefined is not a function');
  };
  for (const acks of [1, -1]) {
    const { errorsOf, appended, logged } = leader({ 0: 'NONE', 1: 'NONE' }, fails);
    expect(await errorsOf(acks, 't')).toEqual(['UNKNOWN_SERVER_ERROR', 'NONE']);
    expect(appended).toEqual(['t']);
    expect(logged).toEqual([expect.stringMatching(/^Produce of t-0 failed: TypeError: .*\n +at /)]);
  }
  const { produce } = leader({ 0: 'NONE', 1: 'NONE' }, () => {
    throw new InvariantError('broken');
  });
  expect(() => produce(1, 't')).toThrow('broken');
});
