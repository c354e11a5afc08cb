/**
 * Assigns a new topic's replicas to brokers: evenly, with followers shifted from partition to partition, and
 * across racks if every broker has one.
 *
 * [p] Kafka: admin/AdminUtils.scala@2.8.2
 */
import { KafkaError } from '../common/errors';

export interface BrokerRack {
  readonly id: number;
  readonly rack: string | null;
}

export interface AssignmentStart {
  /**
   * Index of the first leader, and shift of the first follower: both random numbers in [0, number of
   * brokers).
   */
  readonly startIndex: number;
  readonly shift: number;
}

function replicaIndex(first: number, shift: number, j: number, n: number): number {
  return (first + 1 + ((shift + j) % (n - 1))) % n;
}

/** Takes one broker of each rack in turn; racks are sorted by name, the brokers of a rack by id. */
export function rackAlternated(brokers: readonly BrokerRack[]): number[] {
  const byRack = new Map<string, number[]>();
  for (const { id, rack } of [...brokers].sort((a, b) => a.id - b.id))
    byRack.set(rack!, [...(byRack.get(rack!) ?? []), id]);
  const racks = [...byRack.keys()].sort().map((rack) => byRack.get(rack)!);
  const longest = Math.max(...racks.map((ids) => ids.length));
  const result: number[] = [];
  for (let i = 0; i < longest; i++) for (const ids of racks) if (i < ids.length) result.push(ids[i]!);
  return result;
}

function unawareReplicas(
  brokers: readonly number[],
  first: number,
  shift: number,
  replicationFactor: number,
): number[] {
  const replicas = [brokers[first]!];
  for (let j = 0; j < replicationFactor - 1; j++)
    replicas.push(brokers[replicaIndex(first, shift, j, brokers.length)]!);
  return replicas;
}

function awareReplicas(
  list: readonly number[],
  rackOf: ReadonlyMap<number, string>,
  first: number,
  shift: number,
  replicationFactor: number,
): number[] {
  const rackCount = new Set(rackOf.values()).size;
  const replicas = [list[first]!];
  const racks = new Set([rackOf.get(list[first]!)!]);
  for (let k = 0; replicas.length < replicationFactor; k++) {
    const candidate = list[replicaIndex(first, shift * rackCount, k, list.length)]!;
    const rack = rackOf.get(candidate)!;
    if (
      (racks.has(rack) && racks.size < rackCount) ||
      (replicas.includes(candidate) && replicas.length < list.length)
    )
      continue;
    replicas.push(candidate);
    racks.add(rack);
  }
  return replicas;
}

/** Replica lists of the partitions 0 to n-1. Throws INVALID_PARTITIONS or INVALID_REPLICATION_FACTOR. */
export function assignReplicas(
  brokers: readonly BrokerRack[],
  partitions: number,
  replicationFactor: number,
  start: AssignmentStart,
): Map<number, readonly number[]> {
  if (partitions <= 0)
    throw new KafkaError('INVALID_PARTITIONS', 'Number of partitions must be larger than 0.');
  if (replicationFactor <= 0)
    throw new KafkaError('INVALID_REPLICATION_FACTOR', 'Replication factor must be larger than 0.');
  if (replicationFactor > brokers.length) {
    throw new KafkaError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor: ${replicationFactor} larger than available brokers: ${brokers.length}.`,
    );
  }
  const rackAware = brokers.every((broker) => broker.rack !== null);
  const list = rackAware ? rackAlternated(brokers) : brokers.map((broker) => broker.id).sort((a, b) => a - b);
  const rackOf = new Map(brokers.map((broker) => [broker.id, broker.rack ?? '']));
  const result = new Map<number, readonly number[]>();
  let { shift } = start;
  for (let p = 0; p < partitions; p++) {
    if (p > 0 && p % list.length === 0) shift++;
    const first = (p + start.startIndex) % list.length;
    result.set(
      p,
      rackAware
        ? awareReplicas(list, rackOf, first, shift, replicationFactor)
        : unawareReplicas(list, first, shift, replicationFactor),
    );
  }
  return result;
}

/** Checks an assignment given by a user. Throws INVALID_REPLICA_ASSIGNMENT. */
export function checkManualAssignment(
  assignment: ReadonlyMap<number, readonly number[]>,
  liveBrokers?: readonly number[],
): void {
  const fail = (reason: string): never => {
    throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', reason);
  };
  if (assignment.size === 0) fail('The assignment is empty.');
  const factors = new Set([...assignment.values()].map((replicas) => replicas.length));
  if (factors.size !== 1 || factors.has(0)) fail('All partitions should have the same number of replicas.');
  for (let p = 0; p < assignment.size; p++) {
    const replicas =
      assignment.get(p) ?? fail(`Partitions should be consecutive integers from 0; ${p} is missing.`);
    if (new Set(replicas).size !== replicas.length)
      fail(`Duplicate brokers not allowed in replica assignment: ${replicas.join(', ')} for partition ${p}.`);
    for (const id of replicas) {
      if (!Number.isInteger(id) || id < 0) fail(`Broker id ${id} is not valid.`);
      if (liveBrokers && !liveBrokers.includes(id))
        fail(`Unknown broker ${id} in the assignment of partition ${p}.`);
    }
  }
}
