/** The lessons that the page can play, in the order of the course (names.ts). */
import { ACKS } from './acks';
import { COMMITS } from './commits';
import { COMPACTION } from './compaction';
import { CONTROLLED_SHUTDOWN } from './controlled-shutdown';
import { CONTROLLER_RACE } from './controller-race';
import { FAILOVER } from './failover';
import { GROUPS } from './groups';
import { IDEMPOTENCE } from './idempotence';
import { ISR_SHRINK } from './isr-shrink';
import { JOURNEY } from './journey';
import { OLD_VS_NEW } from './old-vs-new';
import { RETENTION } from './retention';
import { LessonScript } from './script';
import { TRUNCATION } from './truncation';
import { TRUNCATION_BEFORE } from './truncation-before';
import { UNCLEAN } from './unclean';
import { ZOMBIE_CONTROLLER } from './zombie-controller';
import { ZOOKEEPER_GONE } from './zookeeper-gone';

export const LESSONS: readonly LessonScript[] = [
  JOURNEY,
  FAILOVER,
  ACKS,
  CONTROLLER_RACE,
  ZOMBIE_CONTROLLER,
  UNCLEAN,
  ISR_SHRINK,
  TRUNCATION,
  TRUNCATION_BEFORE,
  CONTROLLED_SHUTDOWN,
  ZOOKEEPER_GONE,
  IDEMPOTENCE,
  GROUPS,
  COMMITS,
  OLD_VS_NEW,
  RETENTION,
  COMPACTION,
];

export function lessonNamed(name: string | null): LessonScript | undefined {
  return LESSONS.find((one) => one.name === name);
}
