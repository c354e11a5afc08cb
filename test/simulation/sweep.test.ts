/** A fault at every operation of a story: the points come from a run without faults, and a point is a run. */
import { allPoints, pointKinds, pointsOf, runPoint } from '../../src/simulation/sweep';

test('a story without a fault is clean, and has points of every kind', async () => {
  const { clean, points } = await pointsOf('broker-bounce');
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

test('a look at the disk that fails is one of a story, and the broker comes back in sync', async () => {
  const { points } = await pointsOf('broker-bounce');
  const looks = points.filter(({ kind }) => kind === 'disk-read-error');
  expect(looks.length).toBeGreaterThan(10);
  for (const point of looks) {
    const { cluster, violations } = await runPoint('broker-bounce', point);
    expect({ point, violations }).toEqual({ point, violations: [] });
    const faults = cluster.world.timeline.filter(({ fault }) => String(fault).endsWith(' fails'));
    expect(faults).toHaveLength(1);
  }
}, 60_000);
