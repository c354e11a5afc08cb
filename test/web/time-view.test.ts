/** The timeline's stretch of time and the curves below it. */
import { Rate } from '../../web/shared/state';
import { chartOf, lineThrough, roundUp, stepFor } from '../../web/page/model/chart';
import { following, tickLabel, ticksOf, timeAt, zoomed } from '../../web/page/model/timeline-view';

const WHOLE = { fromMs: 0, toMs: 40_000 };

test('zooming keeps the moment under the pointer where it is', () => {
  const near = zoomed(WHOLE, 0.5, 10_000, 40_000)!;
  expect(near).toEqual({ fromMs: 5000, toMs: 25_000 });
  expect(timeAt(near, 0.25)).toBe(10_000);
  expect(zoomed(near, 2, 10_000, 40_000)).toBeNull();
  const closest = zoomed({ fromMs: 100, toMs: 130 }, 0.1, 110, 40_000)!;
  expect(closest.toMs - closest.fromMs).toBe(20);
});

test('a zoomed view goes along with time in steps, and back with it', () => {
  const view = { fromMs: 5000, toMs: 7000 };
  expect(following(view, 6500)).toEqual(view);
  expect(following(view, 7100)).toEqual({ fromMs: 6000, toMs: 8000 });
  expect(following(view, 12_000)).toEqual({ fromMs: 10_000, toMs: 12_000 });
  expect(following(view, 1500)).toEqual({ fromMs: 1000, toMs: 3000 });
});

test('ticks have as many digits as the stretch needs', () => {
  expect(tickLabel(12_000, WHOLE)).toBe('12 s');
  expect(tickLabel(1250, { fromMs: 1000, toMs: 1500 })).toBe('1.250 s');
  expect(ticksOf({ fromMs: 1000, toMs: 1100 }).length).toBeLessThanOrEqual(13);
  expect(ticksOf({ fromMs: 0, toMs: 3_600_000 }).length).toBeLessThanOrEqual(13);
});

const rate = (atMs: number, acked: number, latencySumMs = 0, read = 0): Rate => ({
  ...{ atMs, acked, latencySumMs, read },
});

test('the curves count records a second, and a step without any is zero, not left out', () => {
  const rates = [rate(0, 2, 20, 1), rate(400, 3, 30), rate(1900, 1, 500)];
  const { samples, maxPerS, maxLatencyMs } = chartOf(rates, { fromMs: 0, toMs: 15_000 }, 2600);
  expect(samples.map(({ atMs, ackedPerS, latencyMs }) => [atMs, ackedPerS, latencyMs])).toEqual([
    [250, 10, 10],
    [750, 0, null],
    [1250, 0, null],
    [1750, 2, 500],
    [2250, 0, null],
  ]);
  expect(samples[0]!.readPerS).toBe(2);
  expect([maxPerS, maxLatencyMs]).toEqual([10, 500]);
});

test('nothing of the future is drawn, and a long stretch has no more points than can be seen', () => {
  expect(chartOf([rate(5000, 1)], { fromMs: 0, toMs: 15_000 }, 0).samples).toEqual([]);
  expect(stepFor({ fromMs: 0, toMs: 90_000 })).toBe(1000);
  expect([0, 1, 3, 11, 60, 101].map(roundUp)).toEqual([1, 1, 5, 20, 100, 200]);
});

test('a line has a gap where there is no value', () => {
  expect(lineThrough([[0, 1], [2, 3], null, [4, 5]])).toBe('M0.0 1.0L2.0 3.0M4.0 5.0');
});
