/**
 * What the lab looks at and the brokers and the simulation keep to themselves. Only looks: nothing here
 * changes anything. Each function stands for something that `src` should offer under a name of its own.
 */
import { Broker } from '../../src/broker/broker';
import { Group } from '../../src/broker/group/group-metadata';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { SimDisk } from '../../src/simulation/sim-disk';
import { SimFile } from '../../src/simulation/sim-file';
import { ServerSession, SimZooKeeper } from '../../src/simulation/sim-zookeeper';
import { Owner } from '../../src/simulation/world';

interface RunningBroker {
  readonly replicas: ReplicaManager;
  readonly controller: { readonly isActive: boolean; readonly epoch: number };
  readonly groups: {
    readonly groups: { readonly all: readonly Group[]; get(id: string): Group | undefined };
  };
}

/** The parts of a broker that are there once it has opened its log dirs and its session; undefined before. */
export function runningPartsOf(broker: Broker | undefined): RunningBroker | undefined {
  return (broker as unknown as { running: RunningBroker | undefined } | undefined)?.running;
}

/** The sessions the server keeps, by id. */
export function serverSessions(zookeeper: SimZooKeeper): ReadonlyMap<string, ServerSession> {
  return (zookeeper as unknown as { sessions: Map<string, ServerSession> }).sessions;
}

/** Bytes on a disk that a power cut leaves for sure, and those it may take. */
export function diskBytes(disk: SimDisk): { synced: number; unsynced: number } {
  let synced = 0;
  let unsynced = 0;
  for (const { size, durable } of (disk as unknown as { files: Map<string, SimFile> }).files.values()) {
    synced += Math.min(size, durable);
    unsynced += Math.max(0, size - durable);
  }
  return { synced, unsynced };
}

/** The host of the process that an action belongs to. */
export function hostOfOwner(owner: Owner | undefined): string | undefined {
  return (owner as unknown as { host?: { name: string } } | undefined)?.host?.name;
}
