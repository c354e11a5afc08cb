/**
 * The collection of mutants belongs to the sources as they are now; the command finds out what tests notice.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { applyChange } from '../../src/cli/mutant-patch';
import { MutantTrial } from '../../src/cli/mutant-trial';
import { readMutants } from '../../src/cli/mutants';

const ROOT = path.join(__dirname, '../../..');
const mutants = readMutants(path.join(ROOT, 'test/mutants'));
const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const named = (name: string) => mutants.find((mutant) => mutant.name === name)!;

test('every mutant applies to the sources as they are', () => {
  expect(mutants.length).toBeGreaterThan(0);
  expect(
    mutants.flatMap(({ name, changes }) =>
      changes.flatMap((change) => {
        try {
          return applyChange(read(change.path), change) === read(change.path)
            ? [`${name}: ${change.path} stays the same`]
            : [];
        } catch (error) {
          return [`${name}: ${(error as Error).message}`];
        }
      }),
    ),
  ).toEqual([]);
});

test('the tests that mutants name are there', () => {
  expect(
    mutants.flatMap(({ name, tests, title }) => [
      ...tests
        .filter((file) => !fs.existsSync(path.join(ROOT, file)))
        .map((file) => `${name}: there is no ${file}`),
      ...(title && !tests.some((file) => new RegExp(title).test(read(file)))
        ? [`${name}: no title matches '${title}'`]
        : []),
    ]),
  ).toEqual([]);
});

test('mutants have names of words and hyphens, and no two are the same change', () => {
  expect(
    fs
      .readdirSync(path.join(ROOT, 'test/mutants'))
      .filter((file) => !/^([a-z0-9]+(-[a-z0-9]+)*\.patch|README\.md)$/.test(file)),
  ).toEqual([]);
  const changes = new Map<string, string[]>();
  for (const mutant of mutants) {
    const changed = mutant.changes.flatMap(({ path: file, hunks }) => [
      file,
      ...hunks.flatMap(({ lines }) => lines.filter(({ kind }) => kind !== ' ')),
    ]);
    const key = JSON.stringify(changed);
    changes.set(key, [...(changes.get(key) ?? []), mutant.name]);
  }
  expect([...changes.values()].filter((names) => names.length > 1)).toEqual([]);
});

test('a mutant is killed by a test that sees it and survives one that does not; the project is unchanged', async () => {
  const compiled = read('dist/src/broker/partition-state.js');
  const trial = new MutantTrial({ root: ROOT, budgetSeconds: 1 });
  try {
    const good = named('join-isr-below-epoch-start');
    await trial.checkTests([good], 1);
    expect((await trial.run(good, 'tests')).tests).toMatchObject({
      kind: 'killed',
      by: expect.stringContaining('KAFKA-7128') as string,
    });
    expect(
      (await trial.run({ ...good, tests: ['test/record/record-batch.test.ts'] }, 'tests')).tests,
    ).toMatchObject({ kind: 'survived' });
    const elsewhere = { ...good, changes: [{ ...good.changes[0]!, path: 'src/log/log.ts' }] };
    expect((await trial.run(elsewhere, 'tests')).tests).toMatchObject({
      kind: 'error',
      problem: expect.stringContaining('does not apply') as string,
    });
  } finally {
    trial.close();
  }
  expect(read('dist/src/broker/partition-state.js')).toBe(compiled);
});

test('an interrupted command leaves no copies behind', async () => {
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-test-'));
  try {
    const child = spawn(
      process.execPath,
      [path.join(ROOT, 'bin/samsa'), 'mutants', 'join-isr-below-epoch-start'],
      {
        env: { ...process.env, TMPDIR: temporary },
        stdio: 'ignore',
      },
    );
    const ended = new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
    });
    const copies = () => fs.readdirSync(temporary).filter((name) => name.startsWith('samsa-mutants-'));
    const watcher = fs.watch(temporary, () => {
      if (copies().length > 0 && !child.killed) child.kill('SIGTERM');
    });
    const code = await ended;
    watcher.close();
    expect({ code, copies: copies() }).toEqual({ code: 130, copies: [] });
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
});
