/** What may be said again and again fills no log. */
import { Clock, Log } from '../../src/common/host';
import { RepeatedWarnings } from '../../src/common/repeated-warnings';

test('a warning that repeats is written at growing intervals, with how often it came', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const clock = { monotonicMs: () => nowMs } as Clock;
  const warning = new RepeatedWarnings(clock, {
    warn: (text: string) => {
      lines.push(text);
    },
  } as Log);
  for (; nowMs < 60_000; nowMs += 10) warning.warn('a', 'refused');
  expect(lines.length).toBeLessThan(10);
  expect(lines[0]).toBe('refused');
  expect(lines[1]).toContain('refused (and 99 times more');
  warning.warn('b', 'another');
  expect(lines.at(-1)).toBe('another');
  nowMs += 3_600_000;
  warning.warn('a', 'refused');
  nowMs += 1000;
  warning.warn('a', 'refused');
  expect(lines.at(-1)).toBe('refused');
});

test('of many different warnings the oldest are forgotten', () => {
  const lines: string[] = [];
  const clock = { monotonicMs: () => 0 } as Clock;
  const warning = new RepeatedWarnings(clock, {
    warn: (text: string) => {
      lines.push(text);
    },
  } as Log);
  for (let i = 0; i < 1000; i++) warning.warn(`kind ${i}`, 'x');
  warning.warn('kind 999', 'x');
  warning.warn('kind 0', 'x');
  expect(lines).toHaveLength(1001);
});
