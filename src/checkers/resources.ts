/**
 * What a broker holds for requests must return to its minimum when the cluster is idle: no produce request
 * waits for acknowledgement, no memory is reserved for incoming requests, and only fetches wait, at most one
 * per connection. So a leak is found long before memory is exhausted.
 *
 * [p] Reads the gauges of src/network/socket-server.ts and src/broker/purgatory.ts.
 */
import { Metrics } from '../common/metrics';

export interface MeteredBroker {
  readonly id: number;
  readonly metrics: Metrics;
}

const purgatory = (name: string, operation: string) =>
  `kafka.server:type=DelayedOperationPurgatory,name=${name},delayedOperation=${operation}`;
const server = (name: string) => `kafka.network:type=SocketServer,name=${name}`;
const OPERATIONS = ['Produce', 'Fetch', 'DeleteRecords'];

/** Gauges that are 0 when the broker is idle. */
const EMPTY = [
  ...['Produce', 'DeleteRecords'].flatMap((operation) => [
    purgatory('NumDelayedOperations', operation),
    purgatory('PurgatorySize', operation),
  ]),
  ...OPERATIONS.map((operation) => purgatory('NumCompletedWatched', operation)),
  server('MemoryPoolUsed'),
  server('BrokerMemoryPoolUsed'),
  server('ResponseMemoryUsed'),
  server('BrokerResponseMemoryUsed'),
];

function problemsOf({ metrics }: MeteredBroker): string[] {
  const problems: string[] = [];
  const read = (name: string): number => {
    const value = metrics.read(name);
    if (value === undefined) problems.push(`has no gauge ${name}`);
    return value ?? 0;
  };
  for (const name of EMPTY) if (read(name) !== 0) problems.push(`${name} is ${read(name)}`);
  const delayed = OPERATIONS.reduce(
    (sum, operation) => sum + read(purgatory('NumDelayedOperations', operation)),
    0,
  );
  const inProgress = read(server('RequestsInProgress'));
  const connections = read(server('ConnectionCount'));
  if (inProgress !== delayed)
    problems.push(`${inProgress} requests are in progress, but ${delayed} wait in purgatories`);
  if (delayed > connections)
    problems.push(`${delayed} operations wait, but there are ${connections} connections`);
  if (delayed > 0 && read(purgatory('PurgatorySize', 'Fetch')) < delayed)
    problems.push('a fetch waits that no partition watches');
  if (inProgress === 0 && read(server('WaitingRequestBytes')) !== 0)
    problems.push(`${read(server('WaitingRequestBytes'))} bytes of requests wait, but no request does`);
  return problems;
}

/**
 * Describes each resource above its minimum. For running brokers, while no client does anything but fetch.
 */
export function resourcesAboveFloor(brokers: readonly MeteredBroker[]): string[] {
  return brokers.flatMap((broker) => problemsOf(broker).map((problem) => `broker ${broker.id}: ${problem}`));
}

/**
 * Describes each host with more than one ZooKeeper session: a second session would keep alive the ephemeral
 * znodes of the first.
 */
export function sessionsAboveFloor(sessions: ReadonlyMap<string, number>): string[] {
  return [...sessions]
    .filter(([, count]) => count > 1)
    .map(([host, count]) => `${host} has ${count} ZooKeeper sessions`);
}
