/**
 * What a controller makes of the members of an ISR that were restarted, and of those that may have lost
 * something.
 */
import { ControllerContext } from '../../src/controller/controller-context';
import { movePartition, planElections } from '../../src/controller/partition-state-machine';
import { RestartedReplicas } from '../../src/controller/restarted-replicas';
import { rankMembers } from '../../src/controller/restarted-since';

const state = { leader: 1, isr: [1, 2, 3], mzxid: 100 };

/** Process epochs, and since when what was written is kept. */
function live(...brokers: readonly (readonly [id: number, processEpoch: number, keptSince: number])[]) {
  return new Map(brokers.map(([id, processEpoch, keptSince]) => [id, { processEpoch, keptSince }]));
}

test('who was restarted since the state was written leaves to who was not', () => {
  expect(rankMembers(state, live([1, 50, 50], [2, 120, 40], [3, 60, 60]))).toMatchObject({
    fit: [1, 3],
    unfit: [2],
    mayContinue: true,
  });
  expect(rankMembers(state, live([1, 130, 40], [2, 120, 120], [3, 60, 60]))).toMatchObject({
    fit: [3],
    unfit: [1, 2],
    mayContinue: false,
  });
});

test('who was restarted and lost nothing goes on, whoever is gone, but in a new leader epoch', () => {
  expect(rankMembers(state, live([1, 130, 40]))).toMatchObject({ fit: [1], unfit: [], mayContinue: false });
  expect(rankMembers(state, live([1, 130, 130], [2, 120, 40]))).toMatchObject({ fit: [2], unfit: [1] });
});

test('who may have lost something waits for whoever is gone', () => {
  const expected = { fit: [], unfit: [1, 3], haveAllLost: false, mayContinue: false };
  expect(rankMembers(state, live([1, 130, 130], [3, 120, 120]))).toMatchObject(expected);
});

test('where all are back and may have lost something all of them are fit', () => {
  expect(rankMembers(state, live([1, 130, 130], [2, 131, 131], [3, 120, 120]))).toEqual({
    fit: [1, 2, 3],
    unfit: [],
    haveAllLost: true,
    flushed: [],
    mayContinue: false,
  });
});

test('nothing changes when nobody restarted', () => {
  expect(rankMembers(state, live([1, 50, 50], [2, 51, 51], [3, 52, 40]))).toMatchObject({
    fit: [1, 2, 3],
    unfit: [],
    mayContinue: true,
  });
});

const tp = { topic: 't', partition: 0 };

function contextWith(brokers: readonly number[]): ControllerContext {
  const context = new ControllerContext(9, { epoch: 1, epochZkVersion: 1 });
  context.assign(tp, [1, 2, 3]);
  for (const id of brokers) context.liveBrokers.set(id, { id, epoch: 130, endpoints: [], rack: null });
  return context;
}

test('a broker whose session expired, and whose process is the same, has not restarted', () => {
  const context = contextWith([1, 2]);
  const broker = (id: number, epoch: number) => ({ id, epoch, endpoints: [], rack: null });
  context.setProcessEpochs(broker(2, 130), { processEpoch: 60, keptSince: 60 });
  const found = { ...state, leader: 2, isr: [1, 2], leaderEpoch: 0, controllerEpoch: 1, zkVersion: 0 };
  context.leadership.set('t-0', found);
  movePartition(context, tp, 'NewPartition');
  const restarted = new RestartedReplicas(context);
  restarted.note(tp, found);
  expect([1, 2].map((replica) => restarted.isUnaffected({ ...tp, replica }))).toEqual([false, true]);
  expect(restarted.mayContinue(tp)).toBe(true);
  // What was said of an earlier registration says nothing of a later one.
  context.liveBrokers.set(2, broker(2, 150));
  expect(context.processEpochs(tp).get(2)).toEqual({ processEpoch: 150, keptSince: 150 });
});

describe('where no member of the ISR has what all of them had', () => {
  const elect = (brokers: readonly number[], leader: number, isr: readonly number[], unclean = false) => {
    const states = new Map([
      ['t-0', { leader, isr, mzxid: 100, leaderEpoch: 7, controllerEpoch: 1, zkVersion: 3 }],
    ]);
    const uncleanTopics = new Set(unclean ? ['t'] : []);
    return planElections(contextWith(brokers), states, [tp], { strategy: 'offline', uncleanTopics }).plans[0]
      ?.elected;
  };

  test('no preferred election, and no controlled shutdown, keeps those that have all lost something in one ISR', () => {
    const states = new Map([
      ['t-0', { leader: 2, isr: [1, 2], mzxid: 100, leaderEpoch: 7, controllerEpoch: 1, zkVersion: 3 }],
    ]);
    for (const strategy of ['preferred', 'controlled-shutdown'] as const) {
      const { plans } = planElections(contextWith([1, 2, 3]), states, [tp], {
        strategy,
        uncleanTopics: new Set(),
      });
      expect(plans).toEqual([]);
    }
  });

  test('nobody is elected while one is away', () => {
    expect(elect([2, 3], 2, [1, 2])).toBeUndefined();
  });

  test('who led before leads when all are back, alone in the ISR: the others may have less', () => {
    expect(elect([1, 2, 3], 2, [1, 2])).toMatchObject({
      leader: 2,
      isr: [2],
      unclean: false,
      recipients: [2, 1, 3],
    });
    expect(elect([1, 2, 3], -1, [2, 3])).toMatchObject({ leader: 2, isr: [2], unclean: false });
  });

  test('who has what it flushed leads before who led with a disk that may be empty', () => {
    const found = { leader: 2, isr: [2, 3], mzxid: 100, leaderEpoch: 7, controllerEpoch: 1, zkVersion: 3 };
    for (const flushedSince of [90, 110]) {
      const context = contextWith([1, 2, 3]);
      const epochs = { processEpoch: 130, keptSince: 130, flushedSince };
      context.setProcessEpochs(context.liveBrokers.get(3)!, epochs);
      for (const uncleanTopics of [new Set<string>(), new Set(['t'])]) {
        const rules = { strategy: 'offline', uncleanTopics } as const;
        const { elected } = planElections(context, new Map([['t-0', found]]), [tp], rules).plans[0]!;
        const leader = flushedSince === 90 ? 3 : 2;
        expect(elected).toMatchObject({ leader, isr: [leader], unclean: false });
      }
    }
  });

  test('a topic that prefers an answer to the records goes on with who led, or was in sync, first', () => {
    expect(elect([1, 2, 3], 3, [2, 3], true)).toMatchObject({ leader: 3, isr: [3] });
    expect(elect([1, 3], 2, [2, 3], true)).toMatchObject({ leader: 3, isr: [3], unclean: true });
    expect(elect([1], 2, [2, 3], true)).toMatchObject({ leader: 1, isr: [1], unclean: true });
  });
});
