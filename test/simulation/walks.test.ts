/** Walks: short histories of staged steps, explored by what they reach. */
import { Explorer } from '../../src/simulation/walks/explore';
import {
  formatWalk,
  replay,
  replicationWalks,
  shrinkWalk,
  WalkOutcome,
} from '../../src/simulation/walks/walk';
import { WalkSetup } from '../../src/simulation/walks/walk-cluster';
import { formatStep, parseStep, Step } from '../../src/simulation/walks/walk-step';

const SETUP = { seed: 'walks-test', brokers: 3, assignment: [[1, 2, 3]], minIsr: 2, settings: {} };

async function explore(explorer: Explorer<WalkSetup, Step>, walks: number): Promise<WalkOutcome[]> {
  const outcomes: WalkOutcome[] = [];
  for (let i = 0; i < walks; i++) outcomes.push(await explorer.next());
  return outcomes;
}

test('a step is written as text and read again', () => {
  for (const text of ['kill 1', 'cut 1>2!', 'heal-all', 'produce-all 3!'])
    expect(formatStep(parseStep(text))).toBe(text);
  expect(() => parseStep('explode 1')).toThrow("'explode 1' is no step of a walk");
});

test('the same walk twice is the same run, action by action', async () => {
  const steps = ['produce-all 1', 'cut 1>2', 'kill 1!', 'end-session 1', 'produce-all 2', 'start 1'].map(
    parseStep,
  );
  const [one, two] = [await replay(SETUP, steps), await replay(SETUP, steps)];
  expect(one.violations).toEqual([]);
  expect(one.acked).toBeGreaterThan(0);
  expect(two.traceHash).toBe(one.traceHash);
  expect(two.visits).toEqual(one.visits);
});

test('a search with the same seed goes the same walks, and none loses what was acknowledged', async () => {
  const outcomes = await explore(new Explorer(replicationWalks, 'suite'), 60);
  expect(
    outcomes.flatMap((outcome) =>
      outcome.violations.map((violation) => `${formatWalk(outcome)}\n${violation}`),
    ),
  ).toEqual([]);
  expect(outcomes.reduce((sum, { acked }) => sum + acked, 0)).toBeGreaterThan(20);
  const again = await explore(new Explorer(replicationWalks, 'suite'), 10);
  expect(again.map(formatWalk)).toEqual(outcomes.slice(0, 10).map(formatWalk));
});

test('what was acknowledged survives all openings of walks', async () => {
  for (const { setup, steps } of replicationWalks.openings) {
    expect((await replay({ ...setup, seed: 'opening', settings: {} }, steps)).violations).toEqual([]);
  }
});

test('a leader has records of its own epoch only, though answers to its fetches come late', async () => {
  const setup = {
    ...SETUP,
    assignment: [
      [1, 2, 3],
      [2, 1, 3],
    ],
    minIsr: 1,
  };
  const text = 'end-session 1; wait-in-sync; late-records 1!; produce-one 2!; produce-one 2!; prefer';
  expect((await replay(setup, text.split('; ').map(parseStep))).violations).toEqual([]);
});

test('a client that takes all the room of a broker keeps neither brokers nor other clients out', async () => {
  const text = 'pause 2!; produce-large 1; resume 2; hold-room 1';
  const { violations, visits } = await replay(SETUP, text.split('; ').map(parseStep));
  expect(violations).toEqual([]);
  expect(visits).toHaveLength(4);
});

test('walks go on from what reached new states', async () => {
  const explorer = new Explorer(replicationWalks, 'coverage');
  await explore(explorer, 40);
  const { states, combinations, prefixes, waypoints } = explorer.coverage;
  expect(states).toBeGreaterThan(60);
  expect(combinations).toBeGreaterThan(10);
  expect(prefixes).toBeGreaterThan(30);
  expect(waypoints['an epoch was led without a write']).toBeGreaterThan(0);
});

test('a leader that cannot learn what became of its ISR write counts whoever may have joined', async () => {
  const text =
    'produce-one 1; cut 1>3; produce-one 1; drop 3; deafen 1; heal 1>3; drop 3; produce-one 1; ' +
    'heal-zookeeper 1';
  const steps = text.split('; ').map(parseStep);
  const { visits, violations } = await replay({ ...SETUP, minIsr: 1 }, steps);
  expect(violations).toEqual([]);
  const counted = visits.map(({ state }) => /L(\d+\/\d+)/.exec(state)![1]);
  expect(counted.slice(-5)).toEqual(['12/12', '12/123', '12/123', '12/123', '12/12']);
});

test('truncating to the high watermark is found within a few hundred walks, and shrunk to a handful of steps', async () => {
  const explorer = new Explorer(replicationWalks, 'kip-101-a', { 'lab.truncate.to.high.watermark': 'true' });
  let outcome = await explorer.next();
  for (let i = 0; i < 400 && outcome.violations.length === 0; i++) outcome = await explorer.next();
  expect(outcome.violations.join()).toContain('NoAckedTruncated');
  const shortest = await shrinkWalk(outcome);
  expect(shortest.violations.length).toBeGreaterThan(0);
  expect(shortest.steps.length).toBeLessThanOrEqual(outcome.steps.length);
});

describe('walks that once lost records', () => {
  const walkOf = async (setup: Partial<typeof SETUP>, text: string) =>
    (await replay({ ...SETUP, ...setup }, text.split('; ').map(parseStep))).violations;

  test('a leader that lost power is not elected again by a new controller while another member of the ISR lives', async () => {
    const text = 'end-session 2; produce-all 1; move-controller!; kill 2!; power-cut 1!; start 1!';
    expect(await walkOf({ seed: '1.4340' }, text)).toEqual([]);
  });

  test('a follower that lost power is not elected by a new controller while another member of the ISR lives', async () => {
    const text =
      'move-controller!; produce-one 2; pause 3; move-controller!; resume 3!; produce-all 2; ' +
      'power-cut 3; cut-zookeeper 1; terminate 2!; start 3';
    expect(await walkOf({ seed: '1.693', assignment: [[2, 3, 1]] }, text)).toEqual([]);
  });

  test('a broker that registers while a controller starts is noticed by it', async () => {
    const text =
      'cut-zookeeper 3; end-session 3!; end-session 2!; produce-all 1; produce-one 1!; cut 2>1; pause 1; ' +
      'drop 2!; pause 2!; move-controller!';
    expect(await walkOf({ seed: '1.261' }, text)).toEqual([]);
  });

  test('a replica that diverged catches up when the leader deleted records up to the middle of its first batch', async () => {
    const text =
      'drop 4; drop 2; end-session 1!; produce-all 1!; produce-batch 2; produce-all 1!; delete-records 2!';
    expect(await walkOf({ seed: 'soak-a.2292', brokers: 4, assignment: [[1, 2, 3, 4]] }, text)).toEqual([]);
  });
});
