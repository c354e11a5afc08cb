/** The epoch cache and the log go together: what a replica says about an epoch is what its log holds. */
import { planTruncation } from '../../src/broker/partition-state';
import { SimLog, simLog } from '../support/sim-log';

const entries = ({ log }: SimLog) => log.epochs.all.map(({ epoch, startOffset }) => [epoch, startOffset]);
const lead = ({ log }: SimLog, epoch: number) => log.epochs.assign(epoch, log.logEndOffset);

/** Truncates as a follower does, by the leader's answers. */
function follow(follower: SimLog, leader: SimLog): void {
  const { log } = follower;
  for (let isDone = false; !isDone;) {
    const answer = leader.log.epochs.endOffsetFor(log.epochs.latestEpoch, leader.log.logEndOffset);
    const own = log.epochs.endOffsetFor(answer.epoch, log.logEndOffset);
    const step = planTruncation(answer, own, log.logEndOffset, log.highWatermark);
    const before = log.epochs.latestEpoch;
    log.truncateTo(step.offset);
    isDone = step.kind === 'done' || log.epochs.latestEpoch === before;
  }
}

test('a leader that wrote nothing in its epoch does not later make others truncate records of an older one', async () => {
  const [a, b, c] = [await simLog(), await simLog(), await simLog()];
  lead(a, 1);
  a.append(5, 1);
  for (const one of [b, c]) {
    follow(one, a);
    one.fetchFrom(a);
  }
  a.append(5, 1);
  // B leads without a write; A did not follow it, and leads again: records 5–9 of epoch 1 get acknowledged.
  lead(b, 2);
  lead(a, 3);
  follow(b, a);
  expect(entries(b)).toEqual([[1, 0]]);
  b.fetchFrom(a);
  follow(c, a);
  c.fetchFrom(a);
  lead(b, 4);
  follow(c, b);
  expect(c.log.logEndOffset).toBe(10);
  expect(entries(b)).toEqual([
    [1, 0],
    [4, 10],
  ]);
});

test('truncating where the log ends drops the epoch that begins there', async () => {
  const one = await simLog();
  one.append(5, 1);
  lead(one, 2);
  expect(one.log.truncateTo(5)).toBe(false);
  expect(entries(one)).toEqual([[1, 0]]);
});

test('truncating drops the epochs that begin at or beyond the new end', async () => {
  const one = await simLog();
  for (const epoch of [1, 2, 4]) one.append(3, epoch);
  expect(one.log.truncateTo(6)).toBe(true);
  expect(entries(one)).toEqual([
    [1, 0],
    [2, 3],
  ]);
  one.append(1, 5);
  expect(entries(one)).toEqual([
    [1, 0],
    [2, 3],
    [5, 6],
  ]);
});

test('fetched records of an older epoch take the place of an epoch that begins at the end', async () => {
  const [leader, one] = [await simLog(), await simLog()];
  for (const log of [leader, one]) log.append(3, 0);
  leader.append(7, 1);
  one.append(2, 1);
  lead(one, 2);
  one.fetchFrom(leader);
  expect(entries(one)).toEqual([
    [0, 0],
    [1, 3],
  ]);
  expect(one.log.epochs.endOffsetFor(1, one.log.logEndOffset)).toEqual({ epoch: 1, endOffset: 10 });
});

test('an epoch without a record is forgotten at a restart, clean or not', async () => {
  for (const cleanShutdown of [true, false]) {
    const one = await simLog();
    one.append(5, 1);
    lead(one, 2);
    await one.log.close();
    await one.open({ cleanShutdown, recoveryPoint: 5 });
    expect(entries(one)).toEqual([[1, 0]]);
  }
});

test('an entry with the same epoch and a lower offset moves the start of the epoch down', async () => {
  const one = await simLog();
  one.append(4, 1);
  one.log.epochs.assign(3, 8);
  one.log.epochs.assign(3, 4);
  expect(entries(one)).toEqual([
    [1, 0],
    [3, 4],
  ]);
});

test('a batch of a new epoch whose checkpoint cannot be written is not appended, and is appended once the next time', async () => {
  const [leader, follower] = [await simLog(), await simLog()];
  leader.append(2, 1);
  follower.fetchFrom(leader);
  lead(leader, 2);
  leader.append(1, 2);
  const { replace } = follower.disk;
  follower.disk.replace = () => {
    throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
  };
  expect(() => follower.fetchFrom(leader)).toThrow('EMFILE');
  follower.disk.replace = replace;
  expect(follower.log.logEndOffset).toBe(2);
  follower.fetchFrom(leader);
  expect(entries(follower)).toEqual([
    [1, 0],
    [2, 2],
  ]);
  expect(follower.log.sizeInBytes).toBe(leader.log.sizeInBytes);
  await follower.open();
  expect(follower.log.logEndOffset).toBe(3);
});
