/**
 * The attacker on real processes: that it attacks, and that what it measures is there. How long anything took
 * is not judged.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { attackNamed } from '../../src/attack/all-attacks';
import { runCampaign } from '../../src/attack/campaign';
import { freshChroot } from '../support/real-zk';

test('brokers under random frames go on, lose nothing and start again; bystanders are measured', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-attack-test-'));
  try {
    const { rows, afterwards } = await runCampaign([attackNamed('random-frames')], {
      directory,
      seed: 'test',
      attackMs: 1500,
      quietMs: 1000,
      recoveryMs: 60_000,
      isStrict: false,
      zookeeper: freshChroot,
      onRow: () => {},
      say: () => {},
    });
    expect(afterwards).toEqual([]);
    const [{ seen }] = rows as [(typeof rows)[0]];
    expect(seen).toMatchObject({ missing: 0, attackerFailed: undefined });
    expect(seen.inputs).toBeGreaterThan(0);
    expect(seen.outcomes.closed).toBeGreaterThan(0);
    expect(seen.attacked.produce.count).toBeGreaterThan(0);
    expect(seen.after.brokers.map(({ residentBytes }) => residentBytes === undefined)).toEqual([
      false,
      false,
      false,
    ]);
    expect(seen.after.brokers.map(({ forgedLines, surprises }) => forgedLines + surprises)).toEqual([
      0, 0, 0,
    ]);
    expect(seen.after.leaderEpochs).toEqual(seen.before.leaderEpochs);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
});
