/** Leaks, planted. */
import { resourcesAboveFloor, sessionsAboveFloor } from '../../src/checkers/resources';
import { Metrics } from '../../src/common/metrics';

const PURGATORY = 'kafka.server:type=DelayedOperationPurgatory,name=';
const SERVER = 'kafka.network:type=SocketServer,name=';

/** A broker where two fetches wait, of two partitions each, with what the test plants. */
function broker(planted: Record<string, number> = {}) {
  const gauges: Record<string, number> = {};
  for (const operation of ['Produce', 'Fetch', 'DeleteRecords']) {
    for (const name of ['NumDelayedOperations', 'PurgatorySize', 'NumCompletedWatched'])
      gauges[`${PURGATORY}${name},delayedOperation=${operation}`] = 0;
  }
  for (const name of [
    'MemoryPoolUsed',
    'BrokerMemoryPoolUsed',
    'ResponseMemoryUsed',
    'BrokerResponseMemoryUsed',
    'WaitingRequestBytes',
    'RequestsInProgress',
    'ConnectionCount',
  ])
    gauges[SERVER + name] = 0;
  Object.assign(gauges, {
    [`${PURGATORY}NumDelayedOperations,delayedOperation=Fetch`]: 2,
    [`${PURGATORY}PurgatorySize,delayedOperation=Fetch`]: 4,
    [`${SERVER}RequestsInProgress`]: 2,
    [`${SERVER}ConnectionCount`]: 3,
    [`${SERVER}WaitingRequestBytes`]: 80,
    ...planted,
  });
  const metrics = new Metrics();
  for (const [name, value] of Object.entries(gauges)) metrics.gauge(name, () => value);
  return { id: 7, metrics };
}

test('fetches that wait, one a connection, are the floor', () => {
  expect(resourcesAboveFloor([broker(), broker()])).toEqual([]);
});

test.each([
  [
    'an acknowledgement that is still waited for',
    { [`${PURGATORY}NumDelayedOperations,delayedOperation=Produce`]: 1 },
  ],
  ['an entry of a request that has ended', { [`${PURGATORY}NumCompletedWatched,delayedOperation=Fetch`]: 1 }],
  ['an entry in a list of produce requests', { [`${PURGATORY}PurgatorySize,delayedOperation=Produce`]: 1 }],
  ['room that was not given back', { [`${SERVER}MemoryPoolUsed`]: 5000 }],
  ['room that a broker did not give back', { [`${SERVER}BrokerMemoryPoolUsed`]: 5000 }],
  ['room of an answer that was not given back', { [`${SERVER}ResponseMemoryUsed`]: 5000 }],
  ['a request that is never answered', { [`${SERVER}RequestsInProgress`]: 3 }],
  ['a fetch whose peer is gone', { [`${SERVER}RequestsInProgress`]: 1 }],
  ['more fetches than connections', { [`${SERVER}ConnectionCount`]: 1 }],
  ['a fetch that no partition watches', { [`${PURGATORY}PurgatorySize,delayedOperation=Fetch`]: 1 }],
  [
    'bytes of requests that are over',
    {
      [`${SERVER}RequestsInProgress`]: 0,
      [`${PURGATORY}NumDelayedOperations,delayedOperation=Fetch`]: 0,
      [`${PURGATORY}PurgatorySize,delayedOperation=Fetch`]: 0,
    },
  ],
])('%s is above the floor', (_what, planted) => {
  const problems = resourcesAboveFloor([broker(planted)]);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.every((problem) => problem.startsWith('broker 7: '))).toBe(true);
});

test('a broker without the gauges is not taken for a quiet one', () => {
  expect(resourcesAboveFloor([{ id: 1, metrics: new Metrics() }]).length).toBeGreaterThan(10);
});

test('a second session of a host is found; a host without one is at its floor', () => {
  const sessions = new Map([
    ['broker-1', 1],
    ['broker-2', 2],
    ['client-1', 0],
  ]);
  expect(sessionsAboveFloor(sessions)).toEqual(['broker-2 has 2 ZooKeeper sessions']);
});
