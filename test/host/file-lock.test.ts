/**
 * The lock of a log dir: one of several processes has it, however they meet and wherever one of them dies.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LockFiles, lockSteps } from '../../src/host/file-lock';
import { NodeDisk } from '../../src/host/node-disk';
import { Prng } from '../../src/simulation/prng';

/** Files in memory, as several processes see them. */
function inMemory(): { files: LockFiles; names: Map<string, string> } {
  const names = new Map<string, string>();
  const files: LockFiles = {
    read: (file) => names.get(file) ?? '',
    claim: (link, text) => !names.has(link) && names.set(link, text) !== undefined,
    claimant: (link) => names.get(link),
    replace: (file, text) => {
      names.set(file, text);
    },
    remove: (link) => {
      names.delete(link);
    },
  };
  return { files, names };
}

test('of processes that start at once one takes the dir', () => {
  let taken = 0;
  for (let seed = 0; seed < 10_000; seed++) {
    const random = new Prng(`lock ${seed}`);
    const { files, names } = inMemory();
    // Left by a process that was killed, or by one that released it.
    if (random.chance(0.5)) names.set('.lock', 'killed');
    const alive = new Set<string>();
    const holders = new Set<string>();
    const running = new Map<string, Iterator<void, string | undefined>>();
    for (let started = 0; started < 8 || running.size > 0;) {
      if (started < 8 && (running.size === 0 || random.chance(0.3))) {
        const mine = `p${++started}`;
        alive.add(mine);
        running.set(mine, lockSteps({ files, file: '.lock', mine, isAlive: (holder) => alive.has(holder) }));
        continue;
      }
      const [mine, steps] = [...running][random.below(running.size)]!;
      const step = steps.next();
      if (step.done) {
        running.delete(mine);
        if (step.value === undefined) holders.add(mine);
        else alive.delete(mine);
        if (step.value === undefined) taken++;
      } else if (random.chance(0.1)) {
        running.delete(mine);
        alive.delete(mine);
      }
      if (holders.size > 1) throw new Error(`seed ${seed}: ${[...holders].join(' and ')} have it`);
      const [holder] = holders;
      if (holder === undefined || random.chance(0.6)) continue;
      holders.delete(holder);
      alive.delete(holder);
      if (random.chance(0.5)) files.replace('.lock', '');
    }
  }
  expect(taken).toBeGreaterThan(10_000);
});

test('a dir is locked while its process runs, and free after its release or its end', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lock-'));
  const file = path.join(directory, '.lock');
  const disk = new NodeDisk();
  const lock = disk.lock(file);
  expect(() => disk.lock(file)).toThrow(`already running there as process ${process.pid}`);
  lock.release();
  disk.lock(file);
  // A process of another boot, one whose number was given to another since, and one of before there was a
  // boot in it.
  const [pid, started] = fs.readFileSync(file, 'utf8').trim().split(' ');
  for (const gone of [`${pid} ${started} another-boot`, `${pid} 1`, '999999999 1']) {
    fs.writeFileSync(file, gone);
    disk.lock(file);
  }
  fs.writeFileSync(file, `${pid} ${started}`);
  expect(() => disk.lock(file)).toThrow('already running');
  expect(fs.readdirSync(directory)).toEqual(['.lock']);
  fs.rmSync(directory, { recursive: true });
});
