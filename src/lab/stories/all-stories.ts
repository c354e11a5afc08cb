/**
 * All stories by name. The first one is the default.
 */
import { Story } from '../story';
import { acks } from './acks';
import { compaction } from './compaction';
import { controlledShutdown } from './controlled-shutdown';
import { exactlyOnceInEffect } from './exactly-once-in-effect';
import { failover } from './failover';
import { groups } from './groups';
import { isrShrink } from './isr-shrink';
import { oldVsNew } from './old-vs-new';
import { retention } from './retention';
import { unclean } from './unclean';
import { zombieController } from './zombie-controller';

export const stories: readonly Story[] = [
  failover,
  controlledShutdown,
  isrShrink,
  zombieController,
  unclean,
  acks,
  groups,
  oldVsNew,
  exactlyOnceInEffect,
  retention,
  compaction,
];
