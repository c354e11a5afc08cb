/** Positions: what moves them and what must not. */
import { SubscriptionState } from '../../src/consumer/subscription-state';

const tp = (partition: number) => ({ topic: 't', partition });

test('a partition that stays assigned in a rebalance keeps its position, one that comes has none', () => {
  const state = new SubscriptionState('earliest', true);
  state.subscribe(['t']);
  state.assignFromGroup([tp(0), tp(1)]);
  state.seek(tp(0), 7);
  state.assignFromGroup([tp(0), tp(2)]);
  expect(state.all.map((one) => [one.tp.partition, one.position])).toEqual([
    [0, 7],
    [2, undefined],
  ]);
});

test('after a seek neither the committed offset nor a reset decides', () => {
  const state = new SubscriptionState('earliest', true);
  state.assign([tp(0)]);
  expect(state.find(tp(0))).toMatchObject({ position: undefined, needsCommitted: true });
  state.seek(tp(0), 7);
  expect(state.find(tp(0))).toMatchObject({ position: 7, needsCommitted: false });
  expect(state.consumed()).toMatchObject([{ offset: 7 }]);
});

test('a pattern matches every topic it should, whatever its flags', () => {
  const state = new SubscriptionState('earliest', true);
  state.subscribePattern(/^T/gi);
  expect(['t1', 't2', 't3'].filter((topic) => state.subscribedPattern!.test(topic))).toEqual([
    't1',
    't2',
    't3',
  ]);
});
