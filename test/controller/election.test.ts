/** Elections and the state machines' tables. */
import { ControllerContext } from '../../src/controller/controller-context';
import {
  electControlledShutdown,
  electInitial,
  electOffline,
  electPreferred,
} from '../../src/controller/election';
import { BrokerRequestBatch } from '../../src/controller/broker-request-batch';
import {
  movePartition,
  planElections,
  planInitialStates,
  validPreviousPartitionStates,
} from '../../src/controller/partition-state-machine';
import { planIsrRemoval, validPreviousReplicaStates } from '../../src/controller/replica-state-machine';

const live =
  (...ids: number[]) =>
  (id: number) =>
    ids.includes(id);

test('offline: the first live replica in sync leads, and the ISR keeps who is alive', () => {
  expect(electOffline({ assignment: [1, 2, 3], isr: [2, 3], isLive: live(2, 3) }, false)).toEqual({
    leader: 2,
    isr: [2, 3],
    recipients: [2, 3],
    unclean: false,
  });
  expect(electOffline({ assignment: [1, 2, 3], isr: [1, 3, 2], isLive: live(2, 3) }, false)).toEqual({
    leader: 2,
    isr: [3, 2],
    recipients: [2, 3],
    unclean: false,
  });
  expect(electOffline({ assignment: [1, 2, 3], isr: [1], isLive: live(2, 3) }, false)).toBeUndefined();
  expect(electOffline({ assignment: [1, 2, 3], isr: [1], isLive: live(2, 3) }, true)).toEqual({
    leader: 2,
    isr: [2],
    recipients: [2, 3],
    unclean: true,
  });
  expect(electOffline({ assignment: [1, 2], isr: [1, 2], isLive: live() }, true)).toBeUndefined();
});

test('preferred: only the head, and only in sync', () => {
  expect(electPreferred({ assignment: [1, 2], isr: [2, 1], isLive: live(1, 2) })?.leader).toBe(1);
  expect(electPreferred({ assignment: [1, 2], isr: [2], isLive: live(1, 2) })).toBeUndefined();
  expect(electPreferred({ assignment: [1, 2], isr: [1, 2], isLive: live(2) })).toBeUndefined();
});

test('controlled shutdown: the first in sync that stays, and the ISR without who goes', () => {
  const stopping = live(1);
  expect(
    electControlledShutdown({ assignment: [1, 2, 3], isr: [1, 2], isLive: live(2, 3) }, stopping),
  ).toEqual({ leader: 2, isr: [2], recipients: [1, 2, 3], unclean: false });
  expect(
    electControlledShutdown({ assignment: [1, 2], isr: [1], isLive: live(2) }, stopping),
  ).toBeUndefined();
});

test('controlled shutdown: leadership does not go to another that is shutting down', () => {
  const candidates = { assignment: [1, 2, 3], isr: [1, 2, 3], isLive: live(3) };
  expect(electControlledShutdown(candidates, (replica) => replica < 3)).toMatchObject({
    leader: 3,
    isr: [3],
  });
});

test('new: the first live replica leads, every live one is in sync', () => {
  expect(electInitial({ assignment: [3, 1, 2], isLive: live(1, 2) })).toEqual({
    leader: 1,
    isr: [1, 2],
    recipients: [1, 2],
    unclean: false,
  });
  expect(electInitial({ assignment: [3], isLive: live() })).toBeUndefined();
});

function contextWith(brokers: readonly number[]): ControllerContext {
  const context = new ControllerContext(brokers[0] ?? 1, { epoch: 5, epochZkVersion: 5 });
  for (const id of brokers)
    context.liveBrokers.set(id, {
      id,
      epoch: 100 + id,
      endpoints: [{ listener: 'PLAINTEXT', securityProtocol: 'PLAINTEXT', host: 'h', port: id }],
      rack: null,
    });
  return context;
}

const tp = { topic: 't', partition: 0 };

test('an election raises the leader epoch by one and names the version it read', () => {
  const context = contextWith([2, 3]);
  context.assign(tp, [1, 2, 3]);
  const states = new Map([
    ['t-0', { leader: 1, leaderEpoch: 7, isr: [1, 2, 3], controllerEpoch: 4, zkVersion: 12 }],
  ]);
  const { plans } = planElections(context, states, [tp], { strategy: 'offline', uncleanTopics: new Set() });
  expect(plans[0]!.write).toEqual({
    tp,
    content: { leader: 2, isr: [2, 3], leaderEpoch: 8, controllerEpoch: 5 },
    expectedZkVersion: 12,
    members: context.incarnationsOf([2, 3]),
  });
});

test('a state written by a later controller is left alone', () => {
  const context = contextWith([2]);
  context.assign(tp, [1, 2]);
  const states = new Map([
    ['t-0', { leader: 1, leaderEpoch: 7, isr: [1, 2], controllerEpoch: 6, zkVersion: 1 }],
  ]);
  expect(
    planElections(context, states, [tp], { strategy: 'offline', uncleanTopics: new Set() }).failures[0]!
      .error,
  ).toBe('STALE_CONTROLLER_EPOCH');
});

test('the last member stays in the ISR even when it dies; without a leader', () => {
  const context = contextWith([]);
  const state = { leader: 1, leaderEpoch: 0, isr: [1], controllerEpoch: 5, zkVersion: 0 };
  expect(planIsrRemoval(context, { ...tp, replica: 1 }, state)).toMatchObject({
    content: { leader: -1, isr: [1], leaderEpoch: 1, controllerEpoch: 5 },
  });
  expect(planIsrRemoval(context, { ...tp, replica: 2 }, state)).toBeUndefined();
  expect(planIsrRemoval(context, { ...tp, replica: 1 }, { ...state, controllerEpoch: 6 })).toBe('superseded');
  expect(planIsrRemoval(context, { ...tp, replica: 1 }, { ...state, leader: -1 })).toBeUndefined();
});

test('whoever leaves the ISR takes with it everybody else that is gone, so that no state names one unchecked', () => {
  const context = contextWith([3]);
  const state = { leader: 1, leaderEpoch: 0, isr: [1, 2, 3], controllerEpoch: 5, zkVersion: 0 };
  expect(planIsrRemoval(context, { ...tp, replica: 2 }, state)).toMatchObject({
    content: { leader: -1, isr: [3] },
    members: [{ brokerId: 3, brokerEpoch: 103 }],
  });
});

test('where no live member is left in the ISR, or each may have lost something, it stays whole', () => {
  const state = { leader: 1, leaderEpoch: 0, isr: [1, 2, 3], controllerEpoch: 5, zkVersion: 0, mzxid: 100 };
  expect(planIsrRemoval(contextWith([]), { ...tp, replica: 2 }, state)).toBeUndefined();
  expect(planIsrRemoval(contextWith([3]), { ...tp, replica: 2 }, state)).toBeUndefined();
});

test('with a member that leaves the ISR go those that were restarted or gone since the state', () => {
  const context = contextWith([1, 2, 3, 4]);
  const state = {
    leader: 1,
    leaderEpoch: 0,
    isr: [1, 2, 3, 4],
    controllerEpoch: 5,
    zkVersion: 0,
    mzxid: 102,
  };
  context.setProcessEpochs(
    { ...context.liveBrokers.get(4)!, epoch: 104 },
    { processEpoch: 60, keptSince: 60 },
  );
  expect(planIsrRemoval(context, { ...tp, replica: 2 }, state)).toMatchObject({
    content: { leader: 1, isr: [1, 4] },
  });
  context.noteDeparture({ ...tp, replica: 4 });
  expect(planIsrRemoval(context, { ...tp, replica: 2 }, state)).toMatchObject({
    content: { leader: 1, isr: [1] },
  });
});

test('a member that was restarted since the state was written is not elected while another lives', () => {
  const context = contextWith([2, 3]);
  context.assign(tp, [1, 2, 3]);
  const leaderFor = (mzxid: number | undefined) => {
    const states = new Map([
      ['t-0', { leader: 1, leaderEpoch: 7, isr: [1, 2, 3], controllerEpoch: 4, zkVersion: 12, mzxid }],
    ]);
    return planElections(context, states, [tp], { strategy: 'offline', uncleanTopics: new Set() }).plans[0]!
      .elected;
  };
  context.setProcessEpochs(
    { ...context.liveBrokers.get(3)!, epoch: 103 },
    { processEpoch: 50, keptSince: 50 },
  );
  expect(leaderFor(101)).toMatchObject({ leader: 3, isr: [3] });
  expect(leaderFor(102)).toMatchObject({ leader: 2, isr: [2, 3] });
  expect(leaderFor(undefined)).toMatchObject({ leader: 2, isr: [2, 3] });
  context.liveBrokers.delete(3);
  context.setProcessEpochs(context.liveBrokers.get(2)!, { processEpoch: 102, keptSince: 40 });
  expect(leaderFor(101)).toMatchObject({ leader: 2, isr: [2] });
});

test('a restarted member that lost nothing is elected when the others have lost their disks', () => {
  const context = contextWith([2, 3]);
  context.assign(tp, [2, 3]);
  context.setProcessEpochs(
    { ...context.liveBrokers.get(3)!, epoch: 103 },
    { processEpoch: 50, keptSince: 50 },
  );
  context.setProcessEpochs(context.liveBrokers.get(2)!, { processEpoch: 102, keptSince: 40 });
  context.markReplicaOffline(tp, 3);
  const state = { leader: 3, leaderEpoch: 7, isr: [2, 3], controllerEpoch: 4, zkVersion: 12, mzxid: 101 };
  const rules = { strategy: 'offline', uncleanTopics: new Set<string>() } as const;
  const { plans } = planElections(context, new Map([['t-0', state]]), [tp], rules);
  expect(plans[0]?.elected).toMatchObject({ leader: 2, isr: [2] });
});

test('an illegal transition is an error of ours', () => {
  const context = contextWith([1]);
  context.assign(tp, [1]);
  expect(() => movePartition(context, tp, 'OnlinePartition')).toThrow(
    'cannot go from NonExistentPartition to OnlinePartition',
  );
  movePartition(context, tp, 'NewPartition');
  movePartition(context, tp, 'OnlinePartition');
  expect(Object.keys(validPreviousPartitionStates)).toHaveLength(4);
  expect(validPreviousReplicaStates.OnlineReplica).toContain('OfflineReplica');
});

test('what brokers are told: one request of each kind, stamped with both epochs, metadata to all', () => {
  const context = contextWith([1, 2, 3]);
  context.assign(tp, [1, 2]);
  const { plans } = planInitialStates(context, [tp]);
  const state = { ...plans[0]!.write.content, zkVersion: 0 };
  context.leadership.set('t-0', state);
  const batch = new BrokerRequestBatch(context, 'PLAINTEXT');
  batch.addLeaderAndIsr([1, 2], tp, state, true);
  batch.addLeaderAndIsr([2], tp, state, false);
  batch.addStopReplica(3, tp, 0, false);
  batch.addStopReplica(9, tp, 0, false);
  const requests = batch.build();
  expect(requests.map((request) => `${request.api.name} to ${request.brokerId}`)).toEqual([
    'LeaderAndIsr to 1',
    'LeaderAndIsr to 2',
    'UpdateMetadata to 1',
    'UpdateMetadata to 2',
    'UpdateMetadata to 3',
    'StopReplica to 3',
  ]);
  expect(requests[1]!.body).toMatchObject({
    controllerEpoch: 5,
    brokerEpoch: 102,
    partitionStates: [{ leader: 1, isr: [1, 2], isNew: true }],
    liveLeaders: [{ brokerId: 1, host: 'h', port: 1 }],
  });
});
