/** The exercises, in the order of the course (docs/lab/teaching.md). */
import { DUPLICATE, EXPELLED, READ_TWICE } from './clients';
import { FOLLOWER_TRUNCATES, NO_ONE_WAITS, PREFERRED_BACK, THREE_CONTROLLERS, TWO_LEADERS } from './leaders';
import { ACKS_ALL_WAITS, ISR_TO_ONE, POWER_CUT } from './replication';
import { Exercise } from './script';
import { LOST_THEN_HARMLESS, ZOOKEEPER_UNNOTICED } from './settings';

export const EXERCISES: readonly Exercise[] = [
  ISR_TO_ONE,
  ACKS_ALL_WAITS,
  NO_ONE_WAITS,
  PREFERRED_BACK,
  THREE_CONTROLLERS,
  ZOOKEEPER_UNNOTICED,
  TWO_LEADERS,
  FOLLOWER_TRUNCATES,
  LOST_THEN_HARMLESS,
  POWER_CUT,
  DUPLICATE,
  READ_TWICE,
  EXPELLED,
];

export function exerciseNamed(name: string | null): Exercise | undefined {
  return EXERCISES.find((one) => one.name === name);
}
