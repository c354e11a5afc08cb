/** Since which broker epoch a broker has lost nothing that it wrote, as the next process finds it out. */
import { LogManager } from '../../src/log/log-manager';
import { Prng } from '../../src/simulation/prng';
import { SimDisk } from '../../src/simulation/sim-disk';
import { LoneLog } from '../support/lone-log';
import { startLogManager } from '../support/lone-log-manager';

const TP = { topic: 't', partition: 0 };

/** A broker's log dirs over several processes; each registers with the next hundred as its broker epoch. */
class Machine {
  readonly lone = new LoneLog();
  bootId: string | undefined = 'boot-1';
  private epoch = 0;

  get disk(): SimDisk {
    return this.lone.sim;
  }

  async start(logDirs = ['/data/1', '/data/2'], registers = true): Promise<LogManager> {
    const manager = await startLogManager(this.lone, { bootId: this.bootId, logDirs });
    if (registers) manager.history.registered((this.epoch += 100));
    return manager;
  }

  /** The process is killed, and the next one is started. */
  async restart(logDirs?: string[]): Promise<number> {
    this.disk.processDied();
    return keptSince(await this.start(logDirs));
  }

  powerCut(): void {
    this.disk.powerCut(new Prng('cut'));
    this.bootId = 'boot-2';
  }
}

function keptSince({ history }: LogManager): number {
  return history.at(Infinity).keptSince;
}

test('a process that is killed, once or twice, has lost nothing since the first registration', async () => {
  const machine = new Machine();
  const first = await machine.start();
  expect(keptSince(first)).toBe(100);
  machine.disk.processDied();
  const second = await machine.start();
  expect(keptSince(second)).toBe(100);
  expect(await machine.restart()).toBe(100);
});

test('after a power cut it may have lost something, unless its logs had been closed', async () => {
  const machine = new Machine();
  await machine.start();
  machine.powerCut();
  expect(await machine.restart()).toBe(200);
  const other = new Machine();
  const closed = await other.start();
  await closed.close();
  other.powerCut();
  expect(await other.restart()).toBe(100);
});

test('a clean start does not excuse the power cut that comes after it', async () => {
  const machine = new Machine();
  const first = await machine.start();
  await first.close();
  machine.disk.processDied();
  machine.bootId = 'boot-2';
  await machine.start();
  machine.disk.powerCut(new Prng('cut'));
  machine.bootId = 'boot-3';
  expect(await machine.restart()).toBe(300);
});

test('a process that is killed before it registers loses nothing of what a clean shutdown left', async () => {
  const machine = new Machine();
  await (await machine.start()).close();
  machine.powerCut();
  await machine.start(undefined, false);
  expect(await machine.restart()).toBe(100);
});

test('where the system does not name its boot only a clean shutdown keeps what was written', async () => {
  const machine = new Machine();
  machine.bootId = undefined;
  await machine.start();
  expect(await machine.restart()).toBe(200);
  const other = new Machine();
  other.bootId = undefined;
  const closed = await other.start();
  await closed.close();
  expect(await other.restart()).toBe(100);
});

test('a log dir that is new, or was replaced by an empty one, may have lost something', async () => {
  const machine = new Machine();
  await machine.start();
  expect(await machine.restart(['/data/1', '/data/2', '/data/3'])).toBe(200);
  const other = new Machine();
  await other.start();
  other.disk.processDied();
  other.disk.remove('/data/2/.samsa-kept');
  expect(keptSince(await other.start())).toBe(200);
});

test.each(['', 'garbled', 'boot-1 100', `boot-1 ${'9'.repeat(17)} 1`, 'boot-1 -1 1', 'boot-1 100 100 100'])(
  'log dirs whose file says %p count as new',
  async (text) => {
    const machine = new Machine();
    await machine.start();
    machine.disk.processDied();
    for (const dir of ['/data/1', '/data/2'])
      machine.disk.replace(`${dir}/.samsa-kept`, text, { durable: true });
    expect(keptSince(await machine.start())).toBe(200);
  },
);

/** The second process finds the disk in order again. */
async function afterFailureOfAppend(code: 'EIO' | 'ENOSPC'): Promise<number> {
  const machine = new Machine();
  const first = await machine.start();
  const log = await first.getOrCreate(TP, true);
  machine.disk.fail({ path: log.directory, code, random: new Prng('disk') });
  expect(() => log.appendAsLeader(machine.lone.batch(['a']), 0)).toThrow(code);
  machine.disk.heal();
  return machine.restart();
}

test('after a power cut, and the kills after it, it has what it had flushed, unless a disk was replaced', async () => {
  for (const isReplaced of [false, true]) {
    const machine = new Machine();
    await machine.start();
    machine.powerCut();
    if (isReplaced) machine.disk.remove('/data/2');
    for (const processEpoch of [200, 300]) {
      const { history } = await machine.start();
      expect(history.at(processEpoch)).toEqual({
        processEpoch,
        keptSince: 200,
        ...(!isReplaced && { flushedSince: 100 }),
      });
      machine.disk.processDied();
    }
    // What befell it before counts after a clean stop as well.
    await (await machine.start()).close();
    machine.powerCut();
    expect((await machine.start()).history.at(500).flushedSince).toBe(isReplaced ? undefined : 100);
  }
});

test('a disk that failed, or a damaged log, says nothing of what was flushed', async () => {
  const machine = new Machine();
  await machine.start();
  machine.powerCut();
  const second = await machine.start();
  second.history.forget();
  machine.disk.processDied();
  expect((await machine.start()).history.at(300)).toEqual({ processEpoch: 300, keptSince: 300 });
});

test('a disk that was full has lost nothing that it took', async () => {
  expect(await afterFailureOfAppend('ENOSPC')).toBe(100);
});

test('a disk that failed may have lost what it had taken', async () => {
  expect(await afterFailureOfAppend('EIO')).toBe(200);
});
