/** The lessons in the order of the course, as their pages in docs/lessons are named. Without imports. */
export const LESSON_NAMES: readonly string[] = [
  'journey',
  'failover',
  'acks',
  'controller-race',
  'zombie-controller',
  'unclean',
  'isr-shrink',
  'truncation',
  'truncation-before',
  'controlled-shutdown',
  'zookeeper-gone',
  'idempotence',
  'groups',
];
