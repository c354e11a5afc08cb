/**
 * What a broker holds on behalf of requests must be at its floor when nothing happens: nothing waits for an
 * acknowledgement, no memory is set aside for requests that come in, and what is left waiting are fetches,
 * one a connection at most. A leak shows here long before memory runs out.
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

/** Gauges that are 0 when it is quiet. */
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

/** What is above its floor, a line each; for brokers that run, when no client does anything but fetch. */
export function resourcesAboveFloor(brokers: readonly MeteredBroker[]): string[] {
  return brokers.flatMap((broker) => problemsOf(broker).map((problem) => `broker ${broker.id}: ${problem}`));
}

/** Hosts with more than one ZooKeeper session, a line each: a second one keeps alive what the first registered. */
export function sessionsAboveFloor(sessions: ReadonlyMap<string, number>): string[] {
  return [...sessions].filter(([, count]) => count > 1).map(([host, count]) => `${host} has ${count} ZooKeeper sessions`);
}
