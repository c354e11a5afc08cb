/**
 * Starts of walks: situations in which something may go wrong later. Reaching each one takes more steps, in a
 * certain order and a shorter time, than random draws produce. Random steps follow.
 */

/** A setup and steps, in the text format of a walk. */
export const openings: readonly string[] = [
  // A former leader has records of its own up to the offset at which the new leader deletes the first records
  // of a batch.
  'brokers=3 replicas=1,2,3 min.isr=1: isolate 1>2!; isolate 1>3!; produce-one 1!; produce-one 1!; kill ' +
    '1!; ' +
    'end-session 1; produce-batch 2; delete-records 2',
  // One broker leads two partitions, and loses one of them while its response is in flight: the end offset of
  // an epoch, records, or its log end offset, for a follower that has less than what remains.
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; wait-in-sync; produce-all 2; late-epoch-end ' +
    '1!; ' +
    'end-session 3!; prefer!',
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; wait-in-sync; late-records 1!; produce-one 2!; ' +
    'produce-one 2!',
  'brokers=3 replicas=1,2,3+2,1,3 min.isr=1: end-session 1; produce-all 2; kill 3!; end-session 3; ' +
    'produce-batch 2; delete-records 2; late-offsets 3; start 3!; produce-one 2!; prefer!',
  // A fetch request that a follower outside the ISR sent is still in flight when the follower has a new
  // session.
  'brokers=3 replicas=1,2,3 min.isr=2: produce-all 1; kill 3!; end-session 3; late-fetch 3; start 3!; ' +
    'produce-all 1!; end-session 3',
  // An isolated leader does not know of its successor, and a follower had more records than the successor.
  'brokers=4 replicas=1,2,3 min.isr=1: end-session 1; wait-in-sync; cut 2>1!; produce-one 2!; isolate ' +
    '2>4!; ' +
    'isolate 2>3!; prefer!; end-session 1!; move-controller!',
  // The controller sees all changes late: it still has to elect, and the replica that it may elect has lost
  // power.
  'brokers=4 replicas=2,3,1 min.isr=1: produce-all 2; lag 1!; lag 4!; end-session 2!; power-cut 3!; ' +
    'end-session 3!; start 3!',
  // The controller cannot write that a member which lost power has left the ISR, and then another member
  // leaves.
  'brokers=3 replicas=1,2,3 min.isr=1: produce-all 1; deafen 1!; power-cut 2!; end-session 2!; start 2!; ' +
    'kill 3!',
  // The write by which a follower joins the ISR is lost, and then the follower loses power.
  'brokers=3 replicas=1,2,3 min.isr=1: produce-all 1; kill 3!; end-session 3; produce-all 1; lose-write 1; ' +
    'start 3!; produce-one 1!; produce-one 1!; power-cut 3!; end-session 3!; late-records 3!',
  // A paused reader has read records that only the old leader had, and the new leader does not have them.
  'brokers=3 replicas=1,2,3 min.isr=1 unclean: drop 2; drop 3; produce-all 1; pause-reader; kill 1; wait-led',
];
