/**
 * A leader, its followers and the ISR, one step at a time; ZooKeeper's answers come when the test says so.
 */
import { LAG_MS, LonePartition } from '../support/lone-partition';

const RETRY_MS = 500;

/** Leads [1, 2] at 10 records; 3 has everything and has been proposed for the ISR. */
function expanding(): LonePartition {
  const one = new LonePartition().lead([1, 2], 10);
  one.fetch(2, 10);
  one.fetch(3, 10);
  return one;
}

test('a follower that has everything is taken into the ISR, at the version that the leader knows', async () => {
  const one = expanding();
  expect(one.writes).toHaveLength(1);
  expect(one.lastWrite.content).toMatchObject({ leader: 1, leaderEpoch: 5, isr: [1, 2, 3] });
  expect(one.lastWrite.zkVersion).toBe(7);
  await one.lastWrite.ok();
  expect(one.isr).toBe('1,2,3');
  expect(one.partition.stateVersion).toBe(8);
  expect(one.happened('isr-changed')).toBe(1);
});

describe('the high watermark', () => {
  test('waits for a replica whose joining is being written', async () => {
    const one = expanding();
    one.log.logEndOffset = 20;
    await one.pass(LAG_MS + 1);
    one.fetch(2, 20);
    expect(one.log.highWatermark).toBe(10);
    one.fetch(3, 15);
    expect(one.log.highWatermark).toBe(15);
  });

  test('waits for a replica whose leaving is being written, until ZooKeeper has said yes', async () => {
    const one = new LonePartition().lead([1, 2, 3], 10);
    one.fetch(2, 10);
    one.fetch(3, 10);
    one.log.logEndOffset = 20;
    await one.pass(LAG_MS + 1);
    one.fetch(2, 20);
    one.partition.maybeShrinkIsr();
    expect(one.lastWrite.content.isr).toEqual([1, 2]);
    expect(one.log.highWatermark).toBe(10);
    await one.lastWrite.ok();
    expect(one.log.highWatermark).toBe(20);
  });

  test("waits for whoever may be in ZooKeeper's ISR when the reply to a write is lost", async () => {
    const one = expanding();
    await one.lastWrite.lose();
    expect(one.happened('isr-write-unknown')).toBe(1);
    one.log.logEndOffset = 20;
    await one.pass(LAG_MS + 1);
    one.fetch(2, 20);
    expect(one.log.highWatermark).toBe(10);
    expect(one.maximalIsr).toBe('1,2,3');
  });

  test('waits for every replica of several writes of unknown result', async () => {
    const one = new LonePartition().lead([1, 4, 2], 10);
    for (const id of [2, 4]) one.fetch(id, 10);
    one.log.logEndOffset = 12;
    await one.pass(LAG_MS + 1);
    one.fetch(2, 12);
    one.partition.maybeShrinkIsr();
    expect(one.lastWrite.content.isr).toEqual([1, 2]);
    await one.lastWrite.lose();
    one.fetch(3, 12);
    await one.pass(RETRY_MS);
    await one.lastWrite.lose();
    expect(one.maximalIsr).toBe('1,4,2');
    one.fetch(3, 12);
    one.fetch(2, 12);
    expect(one.log.highWatermark).toBe(10);
  });

  test('does not move before a follower of a new leader was heard, even if it was known to an earlier one', () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.fetch(2, 10);
    one.partition.makeFollower(one.state(2, 6, [1, 2], 8));
    one.log.logEndOffset = 14;
    one.partition.makeLeader(one.state(1, 7, [1, 2], 9));
    one.log.highWatermark = 4;
    one.log.logEndOffset = 20;
    one.partition.appendAsLeader(Buffer.alloc(1), 1);
    expect(one.log.highWatermark).toBe(4);
  });

  test('does not move by what followers had before epochs in which another may have led', () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.fetch(2, 12);
    one.log.logEndOffset = 12;
    // Epoch 6 was another's, and 2 truncated to 10 in it: this broker was never told.
    one.partition.makeLeader(one.state(1, 7, [1, 2], 9));
    expect(one.log.highWatermark).toBe(10);
    one.fetch(2, 10);
    expect(one.log.highWatermark).toBe(10);
    one.fetch(2, 12);
    expect(one.log.highWatermark).toBe(12);
  });

  test('goes by what followers had when the controller only wrote the next epoch of the same leader', () => {
    const one = new LonePartition().lead([1, 2, 3], 10);
    one.fetch(2, 10);
    expect(one.log.highWatermark).toBe(0);
    one.partition.makeLeader(one.state(1, 6, [1, 2], 8));
    expect(one.log.highWatermark).toBe(10);
  });

  test('waits no longer for a follower that died before it joined than for one that lags, though nothing is written', async () => {
    for (const again of ['a check of the ISR', 'a batch that is sent again']) {
      const one = new LonePartition().lead([1], 10);
      one.fetch(3, 10);
      const found = { leader: 1, leaderEpoch: 5, isr: [1], controllerEpoch: 1, zkVersion: 8 };
      await one.lastWrite.answer({ kind: 'conflict', state: found });
      one.partition.appendAsLeader(Buffer.alloc(2), -1);
      expect(one.log.highWatermark).toBe(10);
      await one.pass(LAG_MS + 1);
      if (again === 'a check of the ISR') one.partition.maybeShrinkIsr();
      else {
        one.log.isRepeated = true;
        one.partition.appendAsLeader(Buffer.alloc(2), -1);
      }
      expect([again, one.log.highWatermark]).toEqual([again, 12]);
    }
  });

  test('counts a member of the ISR that is not among the replicas', () => {
    const one = new LonePartition();
    one.log.logEndOffset = 10;
    one.partition.makeLeader({ ...one.state(1, 5, [1, 2], 7), replicas: [1] });
    expect(one.log.highWatermark).toBe(0);
  });
});

describe('while the result of an ISR write is unknown', () => {
  test('no other change of the ISR is begun', async () => {
    const one = new LonePartition().lead([1, 4, 2], 10);
    one.fetch(2, 10);
    one.log.logEndOffset = 12;
    await one.pass(LAG_MS + 1);
    one.fetch(2, 12);
    one.partition.maybeShrinkIsr();
    await one.lastWrite.lose();
    one.fetch(3, 12);
    one.partition.maybeShrinkIsr();
    expect(one.writes).toHaveLength(1);
  });

  test('an expansion is not repeated: what is written is the ISR as it was, and the follower is looked at anew', async () => {
    const one = expanding();
    await one.lastWrite.lose();
    await one.pass(RETRY_MS);
    expect(one.writes).toHaveLength(2);
    expect(one.lastWrite).toMatchObject({ zkVersion: 7, members: [{ brokerId: 2, brokerEpoch: 20 }] });
    expect(one.lastWrite.content.isr).toEqual([1, 2]);
    await one.lastWrite.ok();
    expect(one.maximalIsr).toBe('1,2');
    one.log.logEndOffset = 20;
    one.fetch(2, 20);
    one.fetch(3, 9);
    expect(one.writes).toHaveLength(2);
    one.fetch(3, 20);
    expect(one.lastWrite.content.isr).toEqual([1, 2, 3]);
  });

  test('the lost write is found to have been applied when the next one conflicts', async () => {
    const one = expanding();
    await one.lastWrite.lose();
    await one.pass(RETRY_MS);
    await one.lastWrite.answer({
      kind: 'conflict',
      state: { leader: 1, leaderEpoch: 5, isr: [1, 2, 3], controllerEpoch: 1, zkVersion: 8 },
    });
    expect(one.isr).toBe('1,2,3');
    expect(one.partition.stateVersion).toBe(8);
  });

  test('it is asked for again and again, and members that lag meanwhile leave', async () => {
    const one = expanding();
    for (let i = 0; i < 3; i++) {
      await one.lastWrite.lose();
      await one.pass(RETRY_MS);
    }
    expect(one.writes).toHaveLength(4);
    await one.lastWrite.lose();
    one.log.logEndOffset = 20;
    await one.pass(LAG_MS + 1);
    expect(one.lastWrite.content.isr).toEqual([1]);
  });

  test('a read that shows the version we wrote at proves nothing: it may lag behind', async () => {
    const one = expanding();
    await one.lastWrite.answer({
      kind: 'conflict',
      state: { leader: 1, leaderEpoch: 5, isr: [1, 2], controllerEpoch: 1, zkVersion: 7 },
    });
    expect(one.maximalIsr).toBe('1,2,3');
    await one.pass(RETRY_MS);
    expect(one.lastWrite).toMatchObject({ zkVersion: 7 });
    await one.lastWrite.answer({ kind: 'conflict', state: undefined });
    expect(one.maximalIsr).toBe('1,2,3');
    await one.pass(RETRY_MS);
    expect(one.writes).toHaveLength(3);
  });

  test('a LeaderAndIsr settles it, and the late reply changes nothing', async () => {
    const one = expanding();
    const [late] = one.writes;
    one.partition.makeLeader(one.state(1, 6, [1, 2], 9));
    expect(one.maximalIsr).toBe('1,2');
    await late!.ok();
    expect(one.isr).toBe('1,2');
    expect(one.partition.stateVersion).toBe(9);
  });

  test('nothing is asked after the partition was closed or is led elsewhere', async () => {
    const closed = expanding();
    await closed.lastWrite.lose();
    closed.partition.close();
    await closed.pass(RETRY_MS);
    expect(closed.writes).toHaveLength(1);
    const follower = expanding();
    await follower.lastWrite.lose();
    follower.partition.makeFollower(follower.state(2, 6, [1, 2], 8));
    await follower.pass(RETRY_MS);
    expect(follower.writes).toHaveLength(1);
  });
});

describe('a conflict', () => {
  test('that shows our own epoch is the new state (KAFKA-2729)', async () => {
    const one = expanding();
    await one.lastWrite.answer({
      kind: 'conflict',
      state: { leader: 1, leaderEpoch: 5, isr: [1, 2], controllerEpoch: 1, zkVersion: 12 },
    });
    expect(one.isr).toBe('1,2');
    one.fetch(3, 10);
    expect(one.lastWrite).toMatchObject({ zkVersion: 12 });
  });

  test('that shows a newer epoch ends all changes of the ISR until the next LeaderAndIsr', async () => {
    const one = expanding();
    await one.lastWrite.answer({
      kind: 'conflict',
      state: { leader: 2, leaderEpoch: 6, isr: [2], controllerEpoch: 1, zkVersion: 8 },
    });
    one.fetch(3, 10);
    await one.pass(RETRY_MS);
    expect(one.writes).toHaveLength(1);
    expect(one.maximalIsr).toBe('1,2,3');
    one.partition.makeLeader(one.state(1, 7, [1, 2], 9));
    one.fetch(2, 10);
    one.fetch(3, 10);
    expect(one.writes).toHaveLength(2);
  });
});

describe('a follower', () => {
  test("does not join below the start of the leader's epoch, though it has all that is known to be committed (KAFKA-7128)", () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.log.highWatermark = 4;
    one.fetch(2, 10);
    one.fetch(3, 6);
    expect(one.writes).toHaveLength(0);
    one.fetch(3, 10);
    expect(one.writes).toHaveLength(1);
  });

  test('does not join while its incarnation is not the one that is known to live (KIP-903)', () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.fetch(2, 10);
    one.liveEpochs.set(3, 29);
    one.fetch(3, 10, 30);
    expect(one.writes).toHaveLength(0);
    one.liveEpochs.set(3, 30);
    one.fetch(3, 10, 30);
    expect(one.lastWrite.members).toEqual([
      { brokerId: 2, brokerEpoch: 20 },
      { brokerId: 3, brokerEpoch: 30 },
    ]);
  });

  test('that was restarted before ZooKeeper applied the write does not join', async () => {
    const one = expanding();
    await one.lastWrite.answer({ kind: 'member-gone', member: { brokerId: 3, brokerEpoch: 30 } });
    expect(one.maximalIsr).toBe('1,2');
    expect(one.happened('isr-changed')).toBe(0);
    one.fetch(3, 10);
    expect(one.writes).toHaveLength(1);
    one.liveEpochs.set(3, 31);
    one.fetch(3, 10, 31);
    expect(one.writes).toHaveLength(2);
  });

  test('waits with joining until every other member has fetched in this leader epoch, so that all can be checked', () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.fetch(3, 10);
    expect(one.writes).toHaveLength(0);
    one.fetch(2, 4);
    one.fetch(3, 10);
    expect(one.lastWrite.content.isr).toEqual([1, 2, 3]);
  });

  test('in the ISR that was restarted leaves it, and nothing that it had counts', async () => {
    const one = expanding();
    await one.lastWrite.answer({ kind: 'member-gone', member: { brokerId: 2, brokerEpoch: 20 } });
    expect(one.lastWrite.content.isr).toEqual([1]);
    expect(one.lastWrite.members).toEqual([]);
    one.fetch(2, 10);
    one.log.logEndOffset = 12;
    one.fetch(3, 12);
    expect(one.log.highWatermark).toBeLessThan(12);
    await one.lastWrite.ok();
    expect([one.maximalIsr, one.log.highWatermark]).toEqual(['1', 12]);
  });

  test('that was restarted leaves the ISR also when the result of an earlier write is unknown', async () => {
    const one = expanding();
    await one.lastWrite.lose();
    await one.pass(RETRY_MS);
    await one.lastWrite.answer({ kind: 'member-gone', member: { brokerId: 2, brokerEpoch: 20 } });
    expect(one.maximalIsr).toBe('1,2,3');
    await one.pass(RETRY_MS);
    expect(one.lastWrite).toMatchObject({ zkVersion: 7, members: [], content: { isr: [1] } });
  });

  test('in the ISR that asks for what is committed has lost it, and leaves the ISR', async () => {
    const one = new LonePartition().lead([1, 2, 3], 10);
    one.fetch(2, 10);
    one.fetch(3, 10);
    expect(one.log.highWatermark).toBe(10);
    one.liveEpochs.set(2, 21);
    one.fetch(2, 4, 21);
    one.partition.maybeShrinkIsr();
    expect(one.lastWrite.content.isr).toEqual([1, 3]);
    await one.lastWrite.ok();
    one.fetch(2, 10, 21);
    expect(one.lastWrite.content.isr).toEqual([1, 3, 2]);
  });

  test('has what its latest incarnation asked for: a late fetch of a former one says nothing', () => {
    const one = new LonePartition().lead([1, 2], 10);
    one.fetch(2, 4, 20);
    one.liveEpochs.set(2, 21);
    one.fetch(2, 10, 20);
    expect(one.log.highWatermark).toBe(4);
    one.fetch(2, 6, 21);
    one.liveEpochs.delete(2);
    one.fetch(2, 10, 20);
    expect(one.log.highWatermark).toBe(6);
  });
});

test('an append with acks=all is refused while the ISR is too small, and answered so if it became too small', async () => {
  const one = new LonePartition().lead([1, 2], 0);
  one.log.config['min.insync.replicas'] = 2;
  one.fetch(2, 0);
  one.partition.appendAsLeader(Buffer.alloc(10), -1);
  expect(one.partition.replicationOutcome(10)).toBe('pending');
  await one.pass(LAG_MS + 1);
  one.partition.maybeShrinkIsr();
  expect(one.partition.replicationOutcome(10)).toBe('pending');
  await one.lastWrite.ok();
  expect(one.partition.replicationOutcome(10)).toBe('NOT_ENOUGH_REPLICAS_AFTER_APPEND');
  expect(() => one.partition.appendAsLeader(Buffer.alloc(1), -1)).toThrow(/insufficient/);
  expect(one.log.logEndOffset).toBe(10);
});

test('a leader that cannot write its epoch does not lead', () => {
  const one = new LonePartition();
  one.log.logEndOffset = 10;
  one.log.epochs.assign = () => {
    throw new Error('EIO');
  };
  expect(() => one.partition.makeLeader(one.state(1, 5, [1, 2], 7))).toThrow('EIO');
  expect(one.partition.isLeader).toBe(false);
  expect(one.log.highWatermark).toBe(0);
});
