/**
 * The attacker on a simulated cluster, where the outcome is exact: what it costs the broker and the others.
 */
import { attackNamed, attacks } from '../../src/attack/all-attacks';
import { Ground } from '../../src/attack/ground';
import { HostileRequest, randomFrame, randomRequest, Sweep } from '../../src/attack/hostile-requests';
import { sendAll } from '../../src/attack/lane';
import { allApis } from '../../src/protocol/apis';
import { loadZstd } from '../../src/record/zstd';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { endOf, expectUnharmed, groundOf, surprises, victim } from '../support/attacked';

/** Between two looks at the broker's log, which keeps its last lines only. */
const INPUTS_A_LOOK = 100;
const ATTACK_MS = 4000;
const ATTACK_INPUTS = 1500;
const MEMBER_INPUTS = 1500;

/** Sends the inputs; returns what went wrong with the ones around it. */
async function attack(
  cluster: SimCluster,
  input: (number: number) => HostileRequest,
  count: number,
): Promise<string[]> {
  const ground = groundOf(cluster);
  const problems: string[] = [];
  for (let from = 0; from < count; from += INPUTS_A_LOOK) {
    const last = Math.min(INPUTS_A_LOOK, count - from);
    const list = { name: 'test', input: (_: string, i: number) => input(from + i), count: last, lanes: 4 };
    const seen = new Set(surprises(cluster));
    await cluster.world.complete(sendAll(ground, list), 3_600_000, 'the attack');
    const fresh = surprises(cluster).filter((line) => !seen.has(line));
    problems.push(...fresh.slice(0, 3).map((line) => `inputs from ${from}: ${line}`));
    const end = endOf(cluster);
    if (end !== undefined)
      return [...problems, `the broker ended at inputs from ${from}: ${JSON.stringify(end)}`];
  }
  expect(ground.log.inputs).toBe(count);
  return problems;
}

async function expectHarmless(
  seed: string,
  input: (number: number) => HostileRequest,
  count: number,
): Promise<void> {
  const cluster = await victim(seed);
  expect(await attack(cluster, input, count)).toEqual([]);
  await expectUnharmed(cluster);
}

test('any hostile value in any field costs its sender at most the connection, others nothing', async () => {
  const sweep = new Sweep(allApis, false);
  const inputs = Array.from({ length: sweep.count }, (_, number) => sweep.request(number));
  expect(inputs.length).toBeGreaterThan(9000);
  await expectHarmless('every-field', (number) => inputs[number]!, inputs.length);
});

test('requests changed in several places cost their sender at most the connection, others nothing', () =>
  expectHarmless('random-mutations', (number) => randomRequest(allApis, 'test', number), 1500));

test('frames of random bytes cost their sender the connection, others nothing', () =>
  expectHarmless('random-frames', (number) => randomFrame('test', number), 500));

test('hostile members are members: they join, and what they send after that is answered', async () => {
  const cluster = await victim('members');
  const ground: Ground = groundOf(cluster, () => ground.log.inputs >= MEMBER_INPUTS);
  await cluster.world.complete(attackNamed('hostile-members').run(ground), 3_600_000, 'the attack');
  expect(ground.log.outcomes.answered).toBeGreaterThan(100);
  expect(surprises(cluster)).toEqual([]);
  await expectUnharmed(cluster);
});

test.each(attacks.map(({ name, ...rest }) => [name, rest] as const))(
  'the attack %s, made small, harms nobody else',
  async (name, { run }) => {
    await loadZstd();
    const cluster = await victim(name);
    const endMs = cluster.world.nowMs + ATTACK_MS;
    const ground: Ground = groundOf(
      cluster,
      () =>
        cluster.world.nowMs >= endMs || ground.log.inputs >= ATTACK_INPUTS || endOf(cluster) !== undefined,
    );
    await cluster.world.complete(run(ground), 600_000, name);
    expect(ground.log.inputs).toBeGreaterThan(0);
    expect(surprises(cluster)).toEqual([]);
    await expectUnharmed(cluster);
  },
);
