/**
 * The coordinator on a staged log: what it holds to while records are loaded, stored and replicated, and
 * leaders change.
 */
import { Group } from '../../src/broker/group/group-metadata';
import { GroupImage } from '../../src/broker/group/group-image';
import {
  decodeGroupValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  partitionForGroup,
  StoredGroup,
} from '../../src/broker/group/group-records';
import { handleFindCoordinator } from '../../src/broker/handlers/find-coordinator';
import { OffsetsTopic } from '../../src/broker/group/offsets-topic';
import { KafkaError } from '../../src/common/errors';
import { buildBatch } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';
import { recordsOf } from '../../src/record/record';
import { StagedGroups } from '../support/staged-groups';

const TP = { topic: 'orders', partition: 0 };
const value = (offset: number) =>
  encodeOffsetValue({
    offset,
    leaderEpoch: -1,
    metadata: '',
    commitTimestamp: 1_600_000_000_000,
    expireTimestamp: -1,
  });
const offsetRecord = (group: string, offset: number) => ({
  key: encodeOffsetKey(group, TP),
  value: value(offset),
});

async function ready(
  seed: string,
  settings: Readonly<Record<string, string>> = {},
  partitions = 1,
): Promise<StagedGroups> {
  const staged = new StagedGroups(seed, partitions, settings);
  const indexes = Array.from({ length: partitions }, (_, index) => index);
  for (const index of indexes) staged.partition(index);
  await staged.service.start();
  for (const index of indexes) staged.lead(0, index);
  await staged.pass(10);
  return staged;
}

/** A group of two, stable: `a` leads it and has assigned. */
async function stableGroup(staged: StagedGroups): Promise<{ a: string; b: string; generation: number }> {
  const [a, b] = [await staged.newMemberId(), await staged.newMemberId()];
  const joins = [staged.join(a), staged.join(b)];
  await staged.pass(10);
  const generation = (await joins[0]!).generationId;
  await joins[1];
  const syncs = [staged.sync(b, generation), staged.sync(a, generation, { [a]: 'first-a', [b]: 'first-b' })];
  await staged.pass(0);
  await staged.replicate();
  expect(await Promise.all(syncs)).toEqual([
    { error: 'NONE', assignment: 'first-b' },
    { error: 'NONE', assignment: 'first-a' },
  ]);
  return { a, b, generation };
}

describe('the partition of a group', () => {
  const groups = Array.from({ length: 40 }, (_, i) => `group-${i}`);

  test('is computed from the partitions ZooKeeper has, while the metadata cache knows some of them only', async () => {
    const topic = new OffsetsTopic({ readPartitionCount: async () => 8, isKnown: () => true });
    const all = new StagedGroups('cache', 8).cache;
    const some = new StagedGroups('cache', 8).cache;
    const tell = (cache: typeof all, partitions: readonly number[]) =>
      cache.update({
        controllerId: 1,
        controllerEpoch: 1,
        brokerEpoch: 1,
        partitionStates: partitions.map((partition) => ({
          topic: '__consumer_offsets',
          partition,
          controllerEpoch: 1,
          leader: partition,
          leaderEpoch: 0,
          isr: [partition],
          zkVersion: 0,
          replicas: [partition],
          offlineReplicas: [],
        })),
        liveBrokers: [0, 1, 2, 3, 4, 5, 6, 7].map((id) => ({
          id,
          epoch: 1,
          rack: null,
          endpoints: [{ listener: 'L', securityProtocol: 'PLAINTEXT', host: 'h', port: id }],
        })),
      });
    tell(all, [0, 1, 2, 3, 4, 5, 6, 7]);
    tell(some, [1, 3, 4, 6, 7]);
    const clock = new StagedGroups('clock').host.clock;
    const ask = (cache: typeof all, key: string) =>
      handleFindCoordinator(
        { clock, cache, offsetsTopic: topic, createOffsetsTopic: async () => {} },
        { key, keyType: 0 },
        'L',
      );
    for (const group of groups) {
      const [early, late] = [await ask(some, group), await ask(all, group)];
      expect(late.errorCode).toBe(0);
      expect([late.nodeId, -1]).toContain(early.nodeId);
    }
  });

  test('is not known before the topic exists; a number that was read once stays, also if ZooKeeper shows an older state', async () => {
    const answers: (number | undefined)[] = [undefined, 8, undefined];
    let known = false;
    const topic = new OffsetsTopic({ readPartitionCount: async () => answers.shift(), isKnown: () => known });
    expect([await topic.partitionCount(), topic.partitionOf('g')]).toEqual([undefined, undefined]);
    expect(await topic.partitionCount()).toBe(8);
    const partition = topic.partitionOf('g');
    await topic.partitionCount();
    expect(topic.partitionOf('g')).toBe(partition);
    known = true;
    expect(await topic.partitionCount()).toBe(8);
  });

  test('is the only one it is loaded from: what another partition says of the group does not replace it', async () => {
    const staged = new StagedGroups('elsewhere', 2);
    const topic = new OffsetsTopic({ readPartitionCount: async () => 2, isKnown: () => true });
    await topic.partitionCount();
    const group = groups.find((one) => topic.partitionOf(one) === 0)!;
    staged.write([offsetRecord(group, 10)], 0);
    staged.write([offsetRecord(group, 3)], 1);
    await staged.service.start();
    staged.lead(0, 0);
    await staged.pass(10);
    staged.lead(0, 1);
    await staged.pass(10);
    expect(staged.committed(group)).toBe(10);
  });
});

describe('loading', () => {
  test('offsets are not served while they are being loaded', async () => {
    const staged = new StagedGroups('loading', 1, { 'offsets.load.buffer.size': '1' });
    for (let offset = 1; offset <= 5; offset++) staged.write([offsetRecord('g', offset)]);
    await staged.service.start();
    staged.lead(0);
    const seen = new Set<number | string>();
    for (let turn = 0; turn < 20; turn++) {
      seen.add(staged.committed());
      await staged.pass(0);
    }
    expect([...seen]).toEqual(['COORDINATOR_LOAD_IN_PROGRESS', 5]);
  });

  test('what the former coordinator wrote is not served before it is committed', async () => {
    const staged = new StagedGroups('uncommitted');
    staged.write([offsetRecord('g', 5)]);
    staged.partition().highWatermark = 0;
    await staged.service.start();
    staged.lead(0);
    await staged.pass(60000);
    expect(staged.committed()).toBe('COORDINATOR_LOAD_IN_PROGRESS');
    await staged.replicate();
    expect(staged.committed()).toBe(5);
  });

  test('a load that waits for its records to be committed ends where another broker leads', async () => {
    const staged = new StagedGroups('uncommitted-moved');
    staged.write([offsetRecord('g', 5)]);
    staged.partition().highWatermark = 0;
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    staged.resign(1);
    await staged.pass(10);
    expect(staged.committed()).toBe('NOT_COORDINATOR');
    staged.partition().highWatermark = 1;
    staged.lead(2);
    await staged.pass(10);
    expect(staged.committed()).toBe(5);
  });

  test('a load that waits for its records to be committed ends with the broker', async () => {
    const staged = new StagedGroups('uncommitted-closed');
    staged.write([offsetRecord('g', 5)]);
    staged.partition().highWatermark = 0;
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    expect(staged.purgatory.numDelayed).toBe(1);
    staged.service.close();
    await staged.pass(60000);
    expect(staged.purgatory.numDelayed).toBe(0);
  });

  test('keys and values that cannot be understood are passed over; the load ends, and the other groups are there', async () => {
    const staged = new StagedGroups('odd');
    const odd = [
      { key: null, value: value(1) },
      { key: Buffer.from([0, 9, 1]), value: value(1) },
      { key: Buffer.from([0, 1, 0, 200]), value: null },
      { key: Buffer.alloc(0), value: null },
      { key: encodeOffsetKey('g', TP), value: Buffer.from([0, 9]) },
      { key: encodeGroupKey('h'), value: Buffer.from([0, 3, 0]) },
    ];
    staged.write([offsetRecord('g', 7)]);
    for (const record of odd) staged.write([record]);
    staged.write([...odd, offsetRecord('h', 8)]);
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    expect([staged.committed('g'), staged.committed('h'), staged.committed('nobody')]).toEqual([7, 8, -1]);
  });

  test('a load that fails is ended and tried again: meanwhile the group is not available, and never loading for ever', async () => {
    const staged = new StagedGroups('failing');
    staged.write([offsetRecord('g', 7)]);
    staged.partition().readErrors.push(new KafkaError('KAFKA_STORAGE_ERROR'), new Error('no idea'));
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    expect(staged.committed()).toBe('COORDINATOR_NOT_AVAILABLE');
    await staged.pass(60000);
    expect(staged.committed()).toBe(7);
  });

  test('a load that failed ends where another broker leads', async () => {
    const staged = new StagedGroups('failing-moved');
    staged.partition().readErrors.push(new Error('no idea'));
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    staged.resign(1);
    await staged.pass(60000);
    expect(staged.committed()).toBe('NOT_COORDINATOR');
  });

  test('a damaged batch costs itself: what stands before and behind it is loaded', async () => {
    const staged = new StagedGroups('damaged');
    for (const group of ['a', 'b', 'c']) staged.write([offsetRecord(group, 5)]);
    const partition = staged.partition();
    const read = partition.read.bind(partition);
    // As the log reads: what is damaged anywhere in a slice makes the slice unreadable.
    partition.read = (from, limit, maxBytes) => {
      const slice = read(from, limit, maxBytes);
      if (slice.some((bytes) => new RecordBatch(bytes).baseOffset === 1))
        throw new KafkaError('CORRUPT_MESSAGE');
      return slice;
    };
    await staged.service.start();
    staged.lead(0);
    await staged.pass(10);
    expect(['a', 'b', 'c'].map((group) => staged.committed(group))).toEqual([5, -1, 5]);
  });

  test('a group whose last record cannot be read has no members: older ones are not taken for the present ones', () => {
    const image = new GroupImage(() => {});
    const member = {
      memberId: 'old',
      groupInstanceId: null,
      clientId: 'c',
      clientHost: '/h',
      rebalanceTimeoutMs: 1,
      sessionTimeoutMs: 1,
      subscription: Buffer.alloc(0),
      assignment: Buffer.alloc(0),
    };
    const stored: StoredGroup = {
      protocolType: 'consumer',
      generation: 4,
      protocol: 'range',
      leader: 'old',
      currentStateTimestamp: 1,
      members: [member],
    };
    for (const groupValue of [encodeGroupValue(stored), Buffer.from([0, 9])]) {
      image.addBatch(
        new RecordBatch(buildBatch([{ timestamp: 1, key: encodeGroupKey('g'), value: groupValue }])),
      );
    }
    image.addBatch(new RecordBatch(buildBatch([{ timestamp: 1, ...offsetRecord('g', 5) }])));
    const group: Group = image.groups(1, () => true).get('g')!;
    expect([group.state, group.members.size, group.offsets.get(TP)?.offset]).toEqual(['Empty', 0, 5]);
  });
});

describe('leadership', () => {
  test('a new leader epoch on the same leader neither unloads nor reloads: who waits goes on waiting', async () => {
    const staged = await ready('bump');
    const { a, b, generation } = await stableGroup(staged);
    const rejoin = staged.join(a, { protocols: [{ name: 'range', metadata: Buffer.from('other') }] });
    const commit = staged.commit(5, { memberId: b, generationId: generation });
    staged.lead(1);
    await staged.pass(10);
    expect(staged.heartbeat(b, generation)).toBe('REBALANCE_IN_PROGRESS');
    await staged.replicate();
    expect(await commit).toBe('NONE');
    const second = staged.join(b);
    await staged.pass(10);
    expect([(await rejoin).errorCode, (await second).generationId]).toEqual([0, generation + 1]);
    const count = (what: string) => staged.world.timeline.filter((event) => event.what === what).length;
    expect([count('group-load-started'), count('group-unloaded')]).toEqual([1, 0]);
  });

  test('a broker that led, followed and leads again takes what the log says, not what it remembers', async () => {
    const staged = await ready('again');
    const commit = staged.commit(5);
    await staged.replicate();
    expect([await commit, staged.committed()]).toEqual(['NONE', 5]);
    staged.resign(1);
    await staged.pass(0);
    expect(staged.committed()).toBe('NOT_COORDINATOR');
    staged.write([offsetRecord('g', 9)]);
    staged.lead(2);
    await staged.pass(10);
    expect(staged.committed()).toBe(9);
  });

  test('everybody who waits is answered when the coordinator moves', async () => {
    const staged = await ready('moves');
    const { a, generation } = await stableGroup(staged);
    const rejoin = staged.join(a);
    const commit = staged.commit(5, { memberId: a, generationId: generation });
    staged.resign(1);
    await staged.pass(10);
    expect([(await rejoin).errorCode, await commit]).toEqual([16, 'NOT_COORDINATOR']);
  });
});

describe('storing', () => {
  test('a commit is told only when it is replicated, and of two the one that stands later in the log holds', async () => {
    const staged = await ready('order');
    const commits = [staged.commit(10), staged.commit(20)];
    await staged.pass(0);
    expect(
      staged.service.offsets.fetch({ groupId: 'g', allTopics: true, topics: [], requireStable: false })
        .topics,
    ).toEqual([]);
    await staged.replicate();
    expect([await Promise.all(commits), staged.committed()]).toEqual([['NONE', 'NONE'], 20]);
  });

  test('an offset whose commit is under way is not told to the next owner, who would go back behind it', async () => {
    const staged = await ready('unstable');
    const { a, generation } = await stableGroup(staged);
    const commit = staged.commit(10, { memberId: a, generationId: generation });
    expect([staged.committed('g', true), staged.committed('g')]).toEqual(['UNSTABLE_OFFSET_COMMIT', -1]);
    await staged.replicate();
    expect([await commit, staged.committed('g', true)]).toEqual(['NONE', 10]);
    const late = staged.commit(11, { memberId: a, generationId: generation });
    await staged.pass(6000);
    expect([await late, staged.committed('g', true)]).toEqual(['REQUEST_TIMED_OUT', 10]);
  });

  test('a commit of somebody without a group that comes late does not take a later one back; seeking back is possible', async () => {
    const staged = await ready('late');
    const commit = async (offset: number, sequence: number, committerId: string) => {
      const answer = staged.commit(offset, { sequence, committerId });
      await staged.replicate();
      return [await answer, staged.committed()];
    };
    expect(await commit(10, 1, 'x')).toEqual(['NONE', 10]);
    expect(await commit(5, 0, 'x')).toEqual(['REQUEST_TIMED_OUT', 10]);
    expect(await commit(5, 2, 'x')).toEqual(['NONE', 5]);
    expect(await commit(6, 0, 'y')).toEqual(['NONE', 6]);
    expect(await commit(7, -1, '')).toEqual(['NONE', 7]);
  });

  test('a late commit of a member does not take a later one of its own back', async () => {
    const staged = await ready('late-member');
    const { a, generation } = await stableGroup(staged);
    const commit = async (offset: number, sequence: number) => {
      const answer = staged.commit(offset, { sequence, memberId: a, generationId: generation });
      await staged.replicate();
      return [await answer, staged.committed()];
    };
    expect(await commit(10, 4)).toEqual(['NONE', 10]);
    expect(await commit(5, 3)).toEqual(['REQUEST_TIMED_OUT', 10]);
    expect(await commit(5, 5)).toEqual(['NONE', 5]);
  });

  test('an offset that is deleted while a commit of it is replicated does not come back', async () => {
    const staged = await ready('deleted');
    const first = staged.commit(10);
    await staged.replicate();
    await first;
    const late = staged.commit(11);
    const deletion = staged.service.offsets.delete({
      groupId: 'g',
      topics: [{ name: 'orders', partitionIndexes: [0] }],
    });
    await staged.replicate();
    expect([await late, (await deletion).errorCode, staged.committed()]).toEqual(['NONE', 0, -1]);
    const next = staged.commit(12);
    await staged.replicate();
    expect([await next, staged.committed()]).toEqual(['NONE', 12]);
  });

  test('a deletion that cannot be written deletes nothing', async () => {
    const staged = await ready('undeleted');
    const commit = staged.commit(10);
    await staged.replicate();
    await commit;
    staged.partition().isLeader = false;
    expect((await staged.service.offsets.deleteGroups(['g'])).results[0]!.errorCode).toBe(16);
    staged.partition().isLeader = true;
    expect(staged.committed()).toBe(10);
  });

  test('an offset that was committed lately does not expire, however long its group has been empty', async () => {
    const settings = { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '5000' };
    const staged = await ready('empty', settings);
    const { a } = await stableGroup(staged);
    const early = staged.commit(3, { memberId: a, generationId: 1, partition: 1 });
    await staged.replicate();
    expect(await early).toBe('NONE');
    await staged.pass(70000);
    await staged.replicate();
    const commit = staged.commit(10);
    await staged.replicate();
    expect(await commit).toBe('NONE');
    await staged.pass(30000);
    await staged.replicate();
    expect(staged.committed()).toBe(10);
    await staged.pass(60000);
    await staged.replicate();
    expect(staged.committed()).toBe(-1);
  });

  test('expiry of a group that was unloaded and loaded again meanwhile does not go by what the old one knew', async () => {
    const settings = { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '100000' };
    const staged = await ready('expiry', settings, 2);
    const [first, second] = [0, 1].map((index) =>
      ['a', 'b', 'c', 'd'].find((name) => partitionForGroup(name, 2) === index),
    ) as [string, string];
    for (const [index, groupId] of [first, second].entries()) {
      const commit = staged.commit(10, { groupId });
      await staged.replicate(index);
      await commit;
    }
    // The expiry of the first group waits for its tombstone; meanwhile the broker loses the second group's
    // partition, somebody commits for that group, and the broker leads its partition again.
    await staged.pass(100000);
    staged.resign(1, 1);
    const commitTimestamp = staged.host.clock.wallMs();
    const value = { offset: 30, leaderEpoch: -1, metadata: '', commitTimestamp, expireTimestamp: -1 };
    staged.write([{ key: encodeOffsetKey(second, TP), value: encodeOffsetValue(value) }], 1);
    staged.lead(2, 1);
    await staged.pass(1000);
    expect(staged.committed(second)).toBe(30);
    await staged.replicate(0);
    await staged.pass(1000);
    const tombstones = staged
      .partition(1)
      .batches.flatMap((batch) => [...recordsOf(batch)])
      .filter((record) => record.value === null);
    expect([staged.committed(second), tombstones.length]).toEqual([30, 0]);
  });

  test('an assignment of an older generation is refused, and so is one whose generation ended while it was stored', async () => {
    const staged = await ready('older');
    const { a, b, generation } = await stableGroup(staged);
    const rejoins = [
      staged.join(a, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] }),
      staged.join(b),
    ];
    await staged.pass(10);
    const next = (await rejoins[0]!).generationId;
    expect(next).toBe(generation + 1);
    expect(await staged.soon(staged.sync(a, generation, { [a]: 'old', [b]: 'old' }))).toEqual({
      error: 'ILLEGAL_GENERATION',
      assignment: '',
    });
    // The assignment of this generation is on its way into the log when the next generation is called for,
    // and begins.
    const stored = staged.sync(a, next, { [a]: 'slow-a', [b]: 'slow-b' });
    const again = [
      staged.join(b, { protocols: [{ name: 'range', metadata: Buffer.from('y') }] }),
      staged.join(a),
    ];
    await staged.pass(10);
    expect(await stored).toEqual({ error: 'REBALANCE_IN_PROGRESS', assignment: '' });
    expect((await again[0]!).generationId).toBe(next + 1);
    const waiting = staged.sync(b, next + 1);
    await staged.replicate();
    const assigned = staged.sync(a, next + 1, { [a]: 'new-a', [b]: 'new-b' });
    await staged.replicate();
    expect([await waiting, await assigned]).toEqual([
      { error: 'NONE', assignment: 'new-b' },
      { error: 'NONE', assignment: 'new-a' },
    ]);
  });

  test('of two assignments that a leader brings in one generation the first is stored and told, to everybody', async () => {
    const staged = await ready('twice');
    const { a, b } = await stableGroup(staged);
    const rejoins = [
      staged.join(a, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] }),
      staged.join(b),
    ];
    await staged.pass(10);
    const generation = (await rejoins[0]!).generationId;
    const lost = staged.sync(a, generation, { [a]: '1-a', [b]: '1-b' });
    const second = staged.sync(a, generation, { [a]: '2-a', [b]: '2-b' });
    const follower = staged.sync(b, generation);
    await staged.replicate();
    expect(await lost).toEqual({ error: 'REBALANCE_IN_PROGRESS', assignment: '' });
    expect([await second, await follower]).toEqual([
      { error: 'NONE', assignment: '1-a' },
      { error: 'NONE', assignment: '1-b' },
    ]);
    const last = [...recordsOf(staged.partition().batches.at(-1)!)][0]!;
    const stored = decodeGroupValue(last.value!);
    expect(stored.members.map((member) => member.assignment.toString()).sort()).toEqual(['1-a', '1-b']);
  });

  test('a member of an older generation and one that was removed cannot commit', async () => {
    const staged = await ready('zombie');
    const { a, b, generation } = await stableGroup(staged);
    const rejoins = [
      staged.join(a, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] }),
      staged.join(b),
    ];
    await staged.pass(10);
    await Promise.all(rejoins);
    expect(await staged.soon(staged.commit(1, { memberId: a, generationId: generation }))).toBe(
      'ILLEGAL_GENERATION',
    );
    expect(await staged.soon(staged.commit(1, { memberId: a, generationId: generation + 1 }))).toBe(
      'REBALANCE_IN_PROGRESS',
    );
    expect(await staged.soon(staged.commit(1, { memberId: 'stranger', generationId: generation + 1 }))).toBe(
      'UNKNOWN_MEMBER_ID',
    );
    expect(await staged.soon(staged.commit(1))).toBe('UNKNOWN_MEMBER_ID');
    // Nobody joins or syncs any more: both are removed, and the group is free for who commits without it.
    await staged.pass(60000);
    expect(await staged.soon(staged.commit(1, { memberId: b, generationId: generation + 1 }))).toBe(
      'UNKNOWN_MEMBER_ID',
    );
  });

  test('a member that joins and says that it lives, and never syncs, is removed: it does not hold the group', async () => {
    const staged = await ready('unsynced');
    const { a, b } = await stableGroup(staged);
    const changed = [{ name: 'range', metadata: Buffer.from('x') }];
    const rejoins = [staged.join(a, { protocols: changed }), staged.join(b)];
    await staged.pass(10);
    const { generationId } = await rejoins[0]!;
    await rejoins[1];
    for (let second = 0; second < 25; second += 5) {
      await staged.pass(5000);
      staged.heartbeat(a, generationId);
      staged.heartbeat(b, generationId);
    }
    const last = [staged.heartbeat(a, generationId), staged.heartbeat(b, generationId)];
    expect(last).toEqual(['UNKNOWN_MEMBER_ID', 'UNKNOWN_MEMBER_ID']);
  });

  test('a standstill of the coordinator puts out nobody who has gone on saying that it lives', async () => {
    const staged = await ready('standstill');
    const { a, b, generation } = await stableGroup(staged);
    staged.machine.pause();
    await staged.pass(30000);
    // Their heartbeats came while it stood still; timers that are due go first.
    staged.machine.resume();
    await staged.pass(500);
    expect([staged.heartbeat(a, generation), staged.heartbeat(b, generation)]).toEqual(['NONE', 'NONE']);
    await staged.pass(9000);
    expect(staged.heartbeat(a, generation)).toBe('NONE');
    await staged.pass(2000);
    expect(staged.heartbeat(a, generation)).toBe('REBALANCE_IN_PROGRESS');
    expect(staged.heartbeat(b, generation)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a static member that is back under a new id keeps that id when the coordinator moves', async () => {
    const staged = await ready('static');
    const first = staged.join('', { groupInstanceId: 'one' });
    await staged.pass(10);
    const { memberId, generationId } = await first;
    const synced = staged.sync(memberId, generationId, { [memberId]: 'all' });
    await staged.replicate();
    expect(await synced).toEqual({ error: 'NONE', assignment: 'all' });
    const second = staged.join('', { groupInstanceId: 'one' });
    await staged.replicate();
    const back = await second;
    expect([back.errorCode, back.generationId, back.memberId === memberId]).toEqual([0, generationId, false]);
    staged.resign(1);
    await staged.pass(10);
    staged.lead(2);
    await staged.pass(10);
    const beats = [staged.heartbeat(back.memberId, generationId), staged.heartbeat(memberId, generationId)];
    expect(beats).toEqual(['NONE', 'UNKNOWN_MEMBER_ID']);
  });

  test("while members are gathered those who may be gone take nobody's place", async () => {
    const staged = await ready('room', { 'group.max.size': '2' });
    const { b } = await stableGroup(staged);
    const rejoin = staged.join(b, { protocols: [{ name: 'range', metadata: Buffer.from('x') }] });
    const id = (await staged.join('')).memberId;
    const newcomer = staged.join(id);
    await staged.pass(12000);
    expect([(await rejoin).errorCode, (await newcomer).errorCode]).toEqual([0, 0]);
    expect((await staged.join('')).errorCode).toBe(81);
  });
});
