/** The steps of the speed control: virtual time for each unit of real time. */
import { Speed } from '../../shared/worker-protocol';

export const SPEEDS: readonly number[] = [
  1 / 1000,
  1 / 500,
  1 / 200,
  1 / 100,
  1 / 50,
  1 / 20,
  1 / 10,
  1 / 5,
  1 / 2,
  1,
  2,
  5,
  10,
  20,
  50,
  100,
];

/** The step that is next to a speed. */
export function stepOfSpeed(speed: number): number {
  const distance = (one: number) => Math.abs(Math.log(one / speed));
  return SPEEDS.reduce((best, one, i) => (distance(one) < distance(SPEEDS[best]!) ? i : best), 0);
}

export function speedAt(step: number): number {
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, step))]!;
}

/** One step slower or faster than what is driven at now. */
export function nextSpeed(speed: Speed, driven: number, by: 1 | -1): number {
  return speedAt(stepOfSpeed(speed === 'auto' ? driven || 1 / 50 : speed) + by);
}
