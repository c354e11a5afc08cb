/** A fault at every operation of a story: the points come from a run without faults, and a point is a run. */
import { allPoints, pointKinds, pointsOf, runPoint } from '../../src/simulation/sweep';

test('a story without a fault is clean, and has points of every kind', async () => {
  const { clean, points } = await pointsOf('config-change');
  expect(clean.violations).toEqual([]);
  expect(new Set(points.map(({ kind }) => kind))).toEqual(new Set(pointKinds));
}, 60_000);

test('the same point gives the same trace twice, and another point another one', async () => {
  const traces = [];
  for (const k of [5, 5, 6]) {
    traces.push((await runPoint('leader-failover', { kind: 'frame-before', host: '', k })).traceHash);
  }
  expect(traces[0]).toBe(traces[1]);
  expect(traces[2]).not.toBe(traces[0]);
}, 60_000);

test('leaders, ISRs and settings survive a fault at any of a sample of operations', async () => {
  const { points } = await allPoints(['leader-failover', 'isr-shrink-and-expansion', 'config-change']);
  for (const { story, point } of points.slice(0, 40)) {
    expect({ story, point, violations: (await runPoint(story, point)).violations }).toEqual({
      story,
      point,
      violations: [],
    });
  }
}, 120_000);
