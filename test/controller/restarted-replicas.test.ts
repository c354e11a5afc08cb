/** Which in-sync replicas a new controller takes for restarted, and what follows. */
import { ControllerContext } from '../../src/controller/controller-context';
import { RestartedReplicas } from '../../src/controller/restarted-replicas';
import { restartedReplicas } from '../../src/controller/restarted-since';

const state = { leader: 1, isr: [1, 2, 3], mzxid: 100 };

test('a member that registered after the state was written leaves the ISR', () => {
  const epochs = new Map([
    [1, 50],
    [2, 120],
    [3, 60],
  ]);
  expect(restartedReplicas(state, epochs)).toEqual({ leaving: [2], needsElection: false });
});

test('a restarted leader leaves the ISR too, so that a member that did not restart leads', () => {
  const epochs = new Map([
    [1, 130],
    [2, 120],
    [3, 60],
  ]);
  expect(restartedReplicas(state, epochs)).toEqual({ leaving: [1, 2], needsElection: false });
});

test('a member that is dead does not count as one that is left', () => {
  expect(
    restartedReplicas(
      state,
      new Map([
        [1, 130],
        [2, 120],
      ]),
    ),
  ).toEqual({ leaving: [], needsElection: true });
});

test('where every member restarted the leader gets a new epoch, and nobody leaves', () => {
  const epochs = new Map([
    [1, 130],
    [2, 120],
    [3, 110],
  ]);
  expect(restartedReplicas(state, epochs)).toEqual({ leaving: [], needsElection: true });
});

test('nothing changes when nobody restarted', () => {
  expect(
    restartedReplicas(
      state,
      new Map([
        [1, 50],
        [2, 51],
        [3, 52],
      ]),
    ),
  ).toEqual({ leaving: [], needsElection: false });
});

test('a dead leader needs no special election', () => {
  expect(restartedReplicas(state, new Map([[2, 120]]))).toEqual({ leaving: [], needsElection: false });
});

test('a broker whose session expired, and whose process is the same, has not restarted', async () => {
  const context = new ControllerContext(9, { epoch: 1, epochZkVersion: 1 });
  const tp = { topic: 't', partition: 0 };
  context.assign(tp, [1, 2]);
  const broker = (id: number, epoch: number) => ({ id, epoch, endpoints: [], rack: null });
  context.liveBrokers.set(1, broker(1, 130));
  context.liveBrokers.set(2, broker(2, 131));
  context.setProcessEpoch(broker(2, 131), 60);
  const restarted = new RestartedReplicas(context);
  restarted.note(tp, { leader: 1, isr: [1, 2], mzxid: 100 });
  expect(context.isReplicaLive(tp, 1)).toBe(false);
  expect(context.isReplicaLive(tp, 2)).toBe(true);
  // What was said of an earlier registration says nothing of a later one.
  context.liveBrokers.set(2, broker(2, 150));
  expect(context.processEpochs(tp).get(2)).toBe(150);
});
