/** DeleteRecords at the leader: each partition once, and only what changed is looked at. */
import { handleDeleteRecords } from '../../src/broker/handlers/delete-records';
import { Purgatory } from '../../src/broker/purgatory';
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { errorName, KafkaError } from '../../src/common/errors';
import { Clock } from '../../src/common/host';

/** Leads partitions 0 to 9; a follower has each of them from 0 on until it is told otherwise. */
function leader() {
  let looks = 0;
  let turns = 0;
  let expire = () => {};
  const asked: string[] = [];
  const logged: string[] = [];
  const followers = new Map<string, number>();
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => looks,
    schedule: (_delayMs, action) => {
      expire = action;
      return { cancel: () => {} };
    },
  };
  const deleteRecordsPurgatory = new Purgatory(clock);
  const require = (tp: TopicPartition) => {
    looks++;
    if (tp.partition === 13) throw new TypeError('undefined is not a function');
    if (tp.partition > 9) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    return {
      deleteRecordsOnLeader: (offset: number) => {
        asked.push(`${tpName(tp)} ${offset}`);
        return offset;
      },
      requireLeader: () => {},
      lowWatermark: followers.get(tpName(tp)) ?? 0,
    };
  };
  const log = {
    error: (line: string) => {
      logged.push(line);
    },
  };
  const asker = {
    onGone: () => {},
    hold: () => () => {},
    nextTurn: async () => {
      turns++;
    },
  };
  const ask = async (rows: readonly (readonly [topic: string, partition: number, offset: number])[]) => {
    const topics = rows.map(([name, partitionIndex, offset]) => ({
      name,
      partitions: [{ partitionIndex, offset }],
    }));
    const deps = { replicas: { require: require as never, deleteRecordsPurgatory }, log, clock };
    const answer = await handleDeleteRecords(deps, { topics, timeoutMs: 1000 }, { asker });
    return answer.topics.flatMap(({ name, partitions }) =>
      partitions.map((row) => {
        return `${name}-${row.partitionIndex} ${errorName(row.errorCode)} ${row.lowWatermark}`;
      }),
    );
  };
  const settle = () => new Promise(process.nextTick);
  const reach = async (partition: number, offset: number) => {
    followers.set(`t-${partition}`, offset);
    deleteRecordsPurgatory.check({ topic: 't', partition });
    await settle();
  };
  return {
    ask,
    asked,
    logged,
    reach,
    settle,
    purgatory: deleteRecordsPurgatory,
    expire: () => expire(),
    looks: () => looks,
    turns: () => turns,
  };
}

test('a partition that is named many times is asked for once, the last row counting', async () => {
  const { ask, asked, reach, settle, purgatory } = leader();
  const answer = ask([...Array.from({ length: 1000 }, (_, i) => ['t', 1, i] as const), ['t', 1, 5]]);
  await settle();
  expect(asked).toEqual(['t-1 5']);
  expect(purgatory.watched).toBe(1);
  await reach(1, 5);
  expect(await answer).toEqual(['t-1 NONE 5']);
});

test('a change is looked at in the partition that changed, and the answer waits for all', async () => {
  const { ask, reach, settle, looks } = leader();
  const answer = ask(Array.from({ length: 10 }, (_, i) => ['t', i, 5] as const));
  await settle();
  const before = looks();
  for (let i = 0; i < 9; i++) await reach(i, 5);
  for (let i = 0; i < 9; i++) await reach(i, 6);
  expect(looks() - before).toBe(9);
  await reach(9, 7);
  expect((await answer).slice(-2)).toEqual(['t-8 NONE 5', 't-9 NONE 7']);
});

test('what is refused is not waited for, and an error that nobody expected fails its own partition', async () => {
  const { ask, logged, expire, settle, purgatory } = leader();
  const answer = ask([
    ['t', 13, 5],
    ['t', 12, 5],
    ['__consumer_offsets', 0, 5],
    ['t', 0, 0],
    ['t', 1, 5],
  ]);
  await settle();
  expect(purgatory.watched).toBe(1);
  expire();
  expect(await answer).toEqual([
    't-13 UNKNOWN_SERVER_ERROR -1',
    't-12 UNKNOWN_TOPIC_OR_PARTITION -1',
    't-0 NONE 0',
    't-1 REQUEST_TIMED_OUT -1',
    '__consumer_offsets-0 INVALID_TOPIC_EXCEPTION -1',
  ]);
  expect(logged).toEqual([expect.stringMatching(/^DeleteRecords of t-13 failed: TypeError: .*\n +at /)]);
});

test('many partitions are asked for in turns of 5 ms', async () => {
  const { ask, turns } = leader();
  expect(await ask(Array.from({ length: 100 }, (_, i) => ['t', 100 + i, 5] as const))).toHaveLength(100);
  expect(turns()).toBe(20);
});
