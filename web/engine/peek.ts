/**
 * What the lab looks at and the brokers and the simulation keep to themselves. Only looks: nothing here
 * changes anything, but for the times of `lateSessionsOf`, which may be moved on. Each function stands for
 * something that `src` should offer under a name of its own.
 */
import { Broker } from '../../src/broker/broker';
import { Group } from '../../src/broker/group/group-metadata';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { Producer } from '../../src/producer/producer';
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

/** When the last request and the last reply of a host's sessions arrive: what is sent next arrives later. */
export function lateSessionsOf(
  zookeeper: SimZooKeeper,
  host: string,
): { lastRequestMs: number; lastReplyMs: number }[] {
  return [...serverSessions(zookeeper).values()]
    .filter(({ client }) => client?.hostName === host)
    .map(({ client }) => client as unknown as { lastRequestMs: number; lastReplyMs: number });
}

/** The hosts that watch a znode, for its data or for its children. */
export function watchersOf(zookeeper: SimZooKeeper, path: string): string[] {
  const { byPath } = (
    zookeeper as unknown as { watches: { byPath: Map<string, Set<{ readonly hostName: string }>> } }
  ).watches;
  const watchers = ['data', 'children'].flatMap((kind) => [...(byPath.get(`${kind}:${path}`) ?? [])]);
  return [...new Set(watchers.map(({ hostName }) => hostName))].sort();
}

interface BatchOnItsWay {
  readonly tp: { readonly topic: string; readonly partition: number };
  readonly recordCount: number;
  readonly baseSequence: number;
  readonly attempts: number;
}

interface ProducerParts {
  readonly accumulator: {
    readonly all: readonly {
      readonly tp: { readonly topic: string; readonly partition: number };
      readonly batches: readonly BatchOnItsWay[];
    }[];
    readonly bufferedBytes: number;
  };
  readonly sender: {
    readonly inFlightBatches: ReadonlySet<BatchOnItsWay>;
    readonly drained: number;
    readonly transactions?: { readonly producerId: number; readonly producerEpoch: number };
  };
}

/** What a producer holds: batches that wait, and those that are in flight. */
export function partsOfProducer(producer: Producer): ProducerParts {
  return producer as unknown as ProducerParts;
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
