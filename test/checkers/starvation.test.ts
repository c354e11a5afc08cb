/** The check of starved replicas finds what it is for, and lets pass what is only slow. */
import { FollowedReplica, StarvationChecker } from '../../src/checkers/starvation';

const BEHIND: FollowedReplica = {
  broker: 2,
  leader: 1,
  tp: { topic: 't', partition: 3 },
  leaderEpoch: 4,
  logEndOffset: 10,
  leaderEndOffset: 12,
  passedOver: 5,
  partitions: 3,
};

/** What is found when the replica is looked at in these states one after the other. */
function found(...states: readonly Partial<FollowedReplica>[]): string[] {
  const violations: string[] = [];
  const checker = new StarvationChecker((text) => violations.push(text));
  for (const state of states) checker.looked([{ ...BEHIND, ...state }]);
  return violations;
}

test('a replica that stays behind while more responses than there are partitions serve others is found, once', () => {
  expect(found({}, { passedOver: 9 })).toEqual([]);
  expect(found({}, { passedOver: 9 }, { passedOver: 10 }, { passedOver: 11 })).toEqual([
    'ServedInTurn: broker 2 has t-3 up to 10 of 12, and 5 fetches from 1 brought records for others only',
  ]);
});

test('a replica counts as behind from when the leader was seen to have more', () => {
  expect(found({ leaderEndOffset: 10, passedOver: 1 }, { passedOver: 20 }, { passedOver: 24 })).toEqual([]);
});

test('what was served meanwhile, caught up, or follows anew is not starved', () => {
  const late = { passedOver: 50 };
  expect(found({}, { logEndOffset: 11, ...late })).toEqual([]);
  expect(found({}, { leaderEndOffset: 10, ...late }, late)).toEqual([]);
  expect(found({}, { leaderEndOffset: undefined, ...late }, late)).toEqual([]);
  expect(found({}, { leaderEpoch: 5, ...late })).toEqual([]);
  expect(found({}, { leader: 3, ...late })).toEqual([]);
  expect(found({ passedOver: 5 }, { passedOver: 0 }, { passedOver: 4 })).toEqual([]);
});
