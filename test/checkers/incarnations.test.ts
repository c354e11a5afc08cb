/** The check of what leaders count finds a former incarnation, and lets pass what is usual. */
import { CountedFollower, IncarnationChecker } from '../../src/checkers/incarnations';

const COUNTED: CountedFollower = {
  leader: 1,
  generation: 1,
  tp: { topic: 't', partition: 3 },
  leaderEpoch: 4,
  follower: 2,
  brokerEpoch: 20,
};

/** What is found when the follower is counted so one after the other. */
function found(...states: readonly Partial<CountedFollower>[]): string[] {
  const violations: string[] = [];
  const checker = new IncarnationChecker((text) => violations.push(text));
  for (const state of states) checker.looked([{ ...COUNTED, ...state }]);
  return violations;
}

test('a leader that goes back to a former incarnation is found', () => {
  expect(found({}, { brokerEpoch: 30 }, { brokerEpoch: 20 })).toEqual([
    'IncarnationsGoOn: leader 1 of t-3 counts broker 2 as incarnation 20, and counted it as 30 before',
  ]);
});

test('a new leader epoch, another process of the leader and another follower begin anew', () => {
  expect(found({}, { brokerEpoch: -1, leaderEpoch: 5 }, {}, { brokerEpoch: 21 })).toEqual([]);
  expect(found({}, { brokerEpoch: -1, generation: 2 })).toEqual([]);
  expect(found({}, { brokerEpoch: 10, follower: 3 }, { brokerEpoch: 10, leader: 2 })).toEqual([]);
});
