/**
 * Beginnings of walks: staged situations in which it is not yet decided whether anything goes wrong. Each
 * needs more steps in one order, and in less time, than single draws put together; what follows is drawn.
 */

/** A setup and steps, written as a walk is. */
export const openings: readonly string[] = [
  // A former leader has records of its own up to where another deletes the first ones of a batch.
  'brokers=3 replicas=1,2,3 min.isr=1: isolate 1>2!; isolate 1>3!; produce-one 1!; produce-one 1!; kill 1!; '
    + 'end-session 1; produce-batch 2; delete-records 2',
  // One broker leads two partitions, and one of them is taken from it while an answer of its is under way:
  // where an epoch ended, records, or the end of its log, for a follower that has less than is left.
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; wait-in-sync; produce-all 2; late-epoch-end 1!; '
    + 'end-session 3!; prefer!',
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; wait-in-sync; late-records 1!; produce-one 2!; '
    + 'produce-one 2!',
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; produce-all 2; kill 3!; end-session 3; '
    + 'produce-batch 2; delete-records 2; late-offsets 3; start 3!; produce-one 2!; prefer!',
  // A request that a follower outside the ISR sent is still on its way when it has another session.
  'brokers=3 replicas=1,2,3 min.isr=2: produce-all 1; kill 3!; end-session 3; late-fetch 3; start 3!; '
    + 'produce-all 1!; end-session 3',
  // A leader that nobody can reach does not know of its successor, and a follower had more than that one.
  'brokers=4 replicas=1,2,3 min.isr=1: end-session 1; wait-in-sync; cut 2>1!; produce-one 2!; isolate 2>4!; '
    + 'isolate 2>3!; prefer!; end-session 1!; move-controller!',
  // The controller sees everything late: it has yet to elect, and whom it may elect has lost power.
  'brokers=4 replicas=2,3,1 min.isr=1: produce-all 2; lag 1!; lag 4!; end-session 2!; power-cut 3!; '
    + 'end-session 3!; start 3!',
  // The controller cannot write that a member which lost power has left, and then another leaves.
  'brokers=3 replicas=1,2,3 min.isr=1: produce-all 1; deafen 1!; power-cut 2!; end-session 2!; start 2!; '
    + 'kill 3!',
  // The write by which a follower joins is lost, and then the follower loses power.
  'brokers=3 replicas=1,2,3 min.isr=1: produce-all 1; kill 3!; end-session 3; produce-all 1; lose-write 1; '
    + 'start 3!; produce-one 1!; produce-one 1!; power-cut 3!; end-session 3!; late-records 3!',
  // A reader that stands still has read what only the leader had, and another leads that does not have it.
  'brokers=3 replicas=1,2,3 min.isr=1 unclean: drop 2; drop 3; produce-all 1; pause-reader; kill 1; wait-led',
];
