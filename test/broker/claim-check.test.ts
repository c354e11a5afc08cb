/** Looks into ZooKeeper: when they are made, shared and given up. ZooKeeper is played by the test. */
import { ClaimCheck, ClaimSource, UNCONFIRMED_EPOCHS } from '../../src/broker/claim-check';
import { ZnodeError } from '../../src/zk/znodes';
import { Clock } from '../../src/common/host';
import { failOnRejection } from '../support/fail-on-rejection';

const TP = { topic: 't', partition: 0 };
const DEADLINE_MS = 1000;

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

class Fake implements ClaimSource {
  epochHere = 0;
  epochThere = 0;
  reads = 0;
  syncs = 0;
  isAway = false;
  leaderEpoch: number | undefined;
  private nowMs = 0;
  private timers: { atMs: number; action: () => void }[] = [];
  readonly clock: Clock = {
    wallMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    schedule: (delayMs, action) => {
      const timer = { atMs: this.nowMs + delayMs, action };
      this.timers.push(timer);
      return {
        cancel: () => {
          this.timers = this.timers.filter((one) => one !== timer);
        },
      };
    },
  };
  readonly check = new ClaimCheck(this.clock, this, DEADLINE_MS);

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { action } of due) action();
    await turns();
  }

  async sync(): Promise<void> {
    this.syncs++;
    this.epochHere = this.epochThere;
  }

  controllerEpoch(): Promise<number> {
    this.reads++;
    return this.isAway ? new Promise(() => {}) : Promise.resolve(this.epochHere);
  }

  async brokerEpoch(): Promise<number> {
    return 50;
  }
  async leaderEpochs(): Promise<Map<string, number>> {
    return new Map(this.leaderEpoch === undefined ? [] : [['t-0', this.leaderEpoch]]);
  }
  async isReplicaKept(): Promise<boolean> {
    return true;
  }

  sender(controllerEpoch: number, brokerEpoch = 50) {
    return this.check.sender({ controllerId: 1, controllerEpoch, brokerEpoch }, 50);
  }
}

test('a controller is looked up once, and not again while it says nothing new', async () => {
  const zk = new Fake();
  zk.epochHere = 7;
  expect(await zk.sender(7)).toBe('confirmed');
  for (let i = 0; i < 100; i++) expect(zk.sender(7)).toBeUndefined();
  expect([zk.reads, zk.syncs]).toEqual([1, 0]);
});

test('what the member of ZooKeeper that we ask does not know yet is read again after a sync', async () => {
  const zk = new Fake();
  zk.epochThere = 7;
  zk.epochHere = 6;
  expect(await zk.sender(6)).toBe('confirmed');
  expect(await zk.sender(7)).toBe('confirmed');
  expect(zk.syncs).toBe(1);
});

test('a member that lags behind by several epochs refutes nothing', async () => {
  const zk = new Fake();
  zk.epochThere = 9;
  zk.epochHere = 5;
  expect(await zk.sender(9)).toBe('confirmed');
});

test('a flood of forged epochs costs one look in a while, and a true one waits for no more', async () => {
  const zk = new Fake();
  zk.epochHere = zk.epochThere = 7;
  const forged = Array.from({ length: 1000 }, (_, i) => zk.sender(1000 + i));
  expect(new Set(await Promise.all(forged))).toEqual(new Set(['refuted']));
  const before = zk.syncs;
  zk.epochThere = 8;
  const more = [zk.sender(5000), zk.sender(8), zk.sender(6000)];
  await turns();
  expect(zk.syncs).toBe(before);
  await zk.pass(100);
  expect(await Promise.all(more)).toEqual(['refuted', 'confirmed', 'refuted']);
  expect([before, zk.syncs]).toEqual([1, 2]);
});

test('a look that ZooKeeper does not answer is given up at the deadline: nothing is known', async () => {
  const zk = new Fake();
  zk.isAway = true;
  const waiting = zk.sender(1);
  await turns();
  await zk.pass(DEADLINE_MS);
  expect(await waiting).toBe('unconfirmed');
});

test('a damaged /controller_epoch keeps no broker from its controller', async () => {
  const zk = new Fake();
  zk.controllerEpoch = () => Promise.reject(new ZnodeError('/controller_epoch is damaged'));
  expect(await zk.sender(7)).toBe('confirmed');
  zk.controllerEpoch = async () => 7;
  expect(await zk.sender(8)).toBe('refuted');
});

test('a broker epoch beyond ours is looked up', async () => {
  const zk = new Fake();
  zk.epochHere = 1;
  expect(await zk.sender(1, 50)).toBe('confirmed');
  expect(await zk.sender(1, 51)).toBe('refuted');
  expect(await zk.check.sender({ controllerId: 1, controllerEpoch: 1, brokerEpoch: 50 }, 40)).toBe(
    'confirmed',
  );
});

test('leader epochs far beyond the confirmed one are looked up: nobody gets on in steps', async () => {
  const zk = new Fake();
  const { check } = zk;
  expect(check.isFarAhead(TP, 10, undefined)).toBe(false);
  expect(check.isFarAhead(TP, UNCONFIRMED_EPOCHS, undefined)).toBe(true);
  expect(check.isFarAhead(TP, 11, 10)).toBe(false);
  expect(check.isFarAhead(TP, 10 + UNCONFIRMED_EPOCHS, 10)).toBe(false);
  expect(check.isFarAhead(TP, 11 + UNCONFIRMED_EPOCHS, 10 + UNCONFIRMED_EPOCHS)).toBe(true);
  zk.leaderEpoch = 11 + UNCONFIRMED_EPOCHS;
  expect(await check.leaderEpochsAbove([{ ...TP, leaderEpoch: 12 + UNCONFIRMED_EPOCHS }])).toEqual(
    new Set(['t-0']),
  );
  const again = check.leaderEpochsAbove([{ ...TP, leaderEpoch: 11 + UNCONFIRMED_EPOCHS }]);
  await turns();
  await zk.pass(100);
  expect(await again).toEqual(new Set());
  expect(check.isFarAhead(TP, 12 + UNCONFIRMED_EPOCHS, 11 + UNCONFIRMED_EPOCHS)).toBe(false);
});

test('a flood of forged StopReplica costs one look in a while; who comes too late is sent away', async () => {
  const zk = new Fake();
  const rows = Array.from({ length: 1000 }, () => TP);
  let sentAway = 0;
  const looks = Array.from({ length: 30 }, () => zk.check.kept(rows));
  for (const look of looks) failOnRejection(look.then((one) => (sentAway += one === 'unconfirmed' ? 1 : 0)));
  for (let i = 0; i < 20; i++) await turns();
  expect(sentAway).toBe(14);
  expect(zk.syncs).toBe(1);
  for (let i = 0; i < 8; i++) await zk.pass(100);
  expect(zk.syncs).toBeLessThanOrEqual(9);
  for (let i = 0; i < 20; i++) await zk.pass(100);
  const found = (await Promise.all(looks)).map((one) => (one === 'unconfirmed' ? one : [...one].join()));
  expect(found.filter((one) => one === 't-0').length).toBeGreaterThan(5);
});
