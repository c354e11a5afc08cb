/**
 * Starts of group walks: situations in which something may go wrong later, and which random draws seldom
 * produce. Random steps follow.
 */

/** A setup and steps, in the text format of a walk. */
export const groupOpenings: readonly string[] = [
  // A consumer without a group has read records, and commits by itself what it wants.
  'styles=explicit,explicit,explicit assignor=range discovery=zookeeper loner=yes joined=1 faults=yes: ' +
    'send-batch 4>2; join 3; take 3',
  // One of two members gives up a SyncGroup request that is in flight, as its connection broke.
  'styles=explicit,auto,explicit assignor=range discovery=bootstrap loner=no joined=2 faults=yes: ' +
    'late-sync 1!',
];
