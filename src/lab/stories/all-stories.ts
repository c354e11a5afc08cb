/**
 * All stories, by name; the first is the default.
 */
import { Story } from '../story';
import { acks } from './acks';
import { controlledShutdown } from './controlled-shutdown';
import { failover } from './failover';
import { isrShrink } from './isr-shrink';
import { unclean } from './unclean';
import { zombieController } from './zombie-controller';

export const stories: readonly Story[] = [failover, controlledShutdown, isrShrink, zombieController, unclean, acks];
