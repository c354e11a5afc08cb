/** A seeded sample of whole runs, and what makes a seed a seed. */
import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { drawScenario, runScenario, Scenario, shrink } from '../../src/simulation/scenario';

const SAMPLE = 60;

test(`${SAMPLE} seeds of clusters under faults keep every promise`, async () => {
  const reached: Record<string, number> = {};
  for (let seed = 1; seed <= SAMPLE; seed++) {
    const outcome = await runScenario(drawScenario(String(seed)));
    expect({ seed, violations: outcome.violations }).toEqual({ seed, violations: [] });
    for (const [name, count] of Object.entries(outcome.reached)) reached[name] = (reached[name] ?? 0) + count;
  }
  // A path that no seed reaches would be a hole in this test.
  const paths = [
    'acked',
    'leader-elected',
    'controller-elected',
    'replica-left-isr',
    'isr-changed',
    'isr-conflict',
    'truncated',
    'zk-session-expired',
    'controlled-shutdown',
    'fault:at became-leader',
    'operation:create-topic',
    'released',
  ];
  for (const path of paths) {
    expect([path, (reached[path] ?? 0) > 0]).toEqual([path, true]);
  }
}, 600_000);

test('the same seed gives the same trace, twice in one process and in another process', async () => {
  const hashes = [];
  for (let i = 0; i < 2; i++) {
    const { traceHash, actions } = await runScenario(drawScenario('7'));
    hashes.push(`actions ${actions}, trace ${traceHash.toString(16)}`);
  }
  expect(hashes[0]).toBe(hashes[1]);
  const output = execFileSync(process.execPath, [
    path.join(__dirname, '../../../bin/samsa'),
    'simulate',
    '--seed',
    '7',
  ]).toString();
  expect(output).toContain(hashes[0]);
}, 120_000);

test('a run that differs in one setting has another trace, so the check above can fail', async () => {
  const hashes = [];
  for (const lag of ['4000', '4001']) {
    hashes.push((await runScenario(drawScenario('7', { 'replica.lag.time.max.ms': lag }))).traceHash);
  }
  expect(hashes[0]).not.toBe(hashes[1]);
}, 120_000);

test('the teaching switch of KIP-101 is caught at the truncation, and the run shrinks', async () => {
  const settings = { 'lab.truncate.to.high.watermark': 'true' };
  let failing: Scenario | undefined;
  for (let seed = 1001; seed < 1030 && failing === undefined; seed++) {
    const scenario = drawScenario(String(seed), settings);
    const { violations } = await runScenario(scenario);
    if (violations.some((violation) => violation.includes('NoAckedTruncated'))) failing = scenario;
  }
  if (failing === undefined) throw new Error('no seed caught it');
  const smaller = await shrink(failing);
  const faults = ({ faults, eventFaults, operations }: Scenario) =>
    faults.length + eventFaults.length + operations.length;
  expect(faults(smaller)).toBeLessThan(faults(failing));
  expect((await runScenario(smaller)).violations.length).toBeGreaterThan(0);
}, 600_000);
