/**
 * What the page is told: happenings (the timeline's events, docs/timeline.md, as they are) and sights (what
 * the worker sees by comparing the cluster with what it told before). Both have a number, a virtual time and
 * somebody who.
 *
 * Plain data without `undefined`, so that a run's events are the same text wherever it runs. The names of
 * replicas, partitions and links in maps are made by the functions below.
 */

export interface EventHead {
  /** 1, 2, 3 … within a run. */
  readonly seq: number;
  /** Virtual milliseconds since the start. */
  readonly atMs: number;
  /** A host (`broker-1`, `client-2`, `zookeeper`), `simulation` or `user`. */
  readonly who: string;
}

/** Anything that happened: `what` is a name of docs/timeline.md, or `command` and `refused` (below). */
export type Happening = EventHead & { readonly what: string; readonly [field: string]: unknown };

export type BrokerStatus = 'up' | 'starting' | 'stopping' | 'paused' | 'dead';

export interface BrokerSight {
  readonly what: 'broker';
  readonly broker: number;
  readonly host: string;
  readonly status: BrokerStatus;
  readonly isController: boolean;
  /** Of the term it knows; 0: none. */
  readonly controllerEpoch: number;
  /** As registered in ZooKeeper; -1: it is not. */
  readonly brokerEpoch: number;
  /** Why its last start failed, or it ended by itself. */
  readonly problem: string | null;
}

export interface DiskSight {
  readonly what: 'disk';
  readonly broker: number;
  readonly syncedBytes: number;
  readonly unsyncedBytes: number;
  /** `full`, `failed`, or null. */
  readonly failure: string | null;
}

export interface LinkSight {
  readonly what: 'link';
  readonly from: string;
  readonly to: string;
  readonly isCut: boolean;
}

/** What is sent over the link takes at least so long; 0: no longer. */
export interface SlowLinkSight {
  readonly what: 'slow-link';
  readonly from: string;
  readonly to: string;
  readonly delayMs: number;
}

export interface ZnodeSight {
  readonly what: 'znode';
  readonly path: string;
  readonly change: 'created' | 'changed' | 'deleted';
  /** As text; null when deleted. */
  readonly data: string | null;
  readonly version: number;
  /** The session that owns an ephemeral znode; null: it is persistent. */
  readonly owner: string | null;
}

export interface SessionSight {
  readonly what: 'session';
  readonly session: string;
  readonly host: string;
  readonly timeoutMs: number;
  /** When the server ends it, if its client is not heard until then; null while it is heard. */
  readonly expiresMs: number | null;
  readonly state: 'open' | 'silent' | 'ended';
}

export interface ReplicaSight {
  readonly what: 'replica';
  readonly broker: number;
  readonly topic: string;
  readonly partition: number;
  readonly role: 'leader' | 'follower' | 'offline';
  /** As this broker knows it; -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly logStart: number;
  readonly highWatermark: number;
  readonly logEnd: number;
  /** Offsets below this are on the disk for good. */
  readonly syncedTo: number;
  readonly isr: readonly number[];
  /** The leader epochs in the log, each with its first offset. */
  readonly epochs: readonly (readonly [epoch: number, start: number])[];
  /** Base offsets of the segments. */
  readonly segments: readonly number[];
}

export interface ReplicaGoneSight {
  readonly what: 'replica-gone';
  readonly broker: number;
  readonly topic: string;
  readonly partition: number;
}

export type MessageKind =
  'produce' | 'fetch' | 'replica-fetch' | 'control' | 'metadata' | 'group' | 'zookeeper' | 'other';

export interface MessageSight {
  readonly what: 'message';
  /** Number of the message in the run; details are asked for by it. */
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly kind: MessageKind;
  /** Kafka's name of the API (`Produce`), or ZooKeeper's operation (`create /controller`). */
  readonly name: string;
  readonly isResponse: boolean;
  /** -1 where there is none. */
  readonly correlationId: number;
  readonly bytes: number;
  readonly sentMs: number;
  /** null: the link is cut, it waits. Told again, with the same id, when it goes on its way. */
  readonly arrivesMs: number | null;
}

/** It will not arrive. */
export interface MessageGoneSight {
  readonly what: 'message-gone';
  readonly message: number;
}

/** Records of a partition that go together; the sequence is -1 until it is sent, and without idempotence. */
export interface BatchSight {
  readonly partition: number;
  readonly records: number;
  readonly sequence: number;
  readonly attempts: number;
}

export interface ProducerSight {
  readonly what: 'producer';
  readonly producer: string;
  readonly host: string;
  readonly status: 'opening' | 'running' | 'stopped';
  readonly topic: string;
  readonly acks: string;
  readonly isIdempotent: boolean;
  readonly everyMs: number;
  readonly sent: number;
  readonly acked: number;
  readonly failed: number;
  /** Timed out or lost: nobody knows whether they are in the log. */
  readonly unknown: number;
  /** Sent by the program, and not settled. */
  readonly waiting: number;
  /** In the accumulator, by partition in the order of their sending. */
  readonly accumulated: readonly BatchSight[];
  readonly inFlight: readonly BatchSight[];
  /** Attempts beyond the first, so far. */
  readonly retries: number;
  /** -1: it has none. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface ConsumerSight {
  readonly what: 'consumer';
  readonly consumer: string;
  readonly host: string;
  readonly status: 'opening' | 'running' | 'stopped';
  readonly topic: string;
  readonly group: string | null;
  readonly assigned: readonly number[];
  /** By partition. */
  readonly positions: readonly (readonly [partition: number, offset: number])[];
  readonly read: number;
  readonly lag: number;
}

export interface GroupMember {
  readonly member: string;
  /** The consumer's client.id. */
  readonly client: string;
  readonly host: string;
  readonly isLeader: boolean;
}

export interface GroupSight {
  readonly what: 'group';
  readonly group: string;
  readonly coordinator: number;
  readonly state: string;
  readonly generation: number;
  readonly members: readonly GroupMember[];
  readonly committed: readonly (readonly [topic: string, partition: number, offset: number])[];
}

/** A record was acknowledged to its producer; offset -1 with acks=0. */
export interface AckedSight {
  readonly what: 'acked';
  readonly producer: string;
  readonly record: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly sentMs: number;
}

export interface SendFailedSight {
  readonly what: 'send-failed';
  readonly producer: string;
  readonly record: string;
  readonly error: string;
  readonly sentMs: number;
}

export interface ReadSight {
  readonly what: 'read';
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface CheckSight {
  readonly what: 'check';
  /** As in CHECKS. */
  readonly check: string;
  readonly isGood: boolean;
  /** What was seen that must not be; null while good. */
  readonly why: string | null;
}

/** Counts of records so far. `lost`: acknowledged, and no longer in the leader's log. */
export interface VerdictSight {
  readonly what: 'verdict';
  readonly sent: number;
  readonly acked: number;
  readonly read: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** By producer; those with none are left out. */
  readonly lostOf: Readonly<Record<string, number>>;
  readonly duplicatedOf: Readonly<Record<string, number>>;
}

/** The scene is set: brokers run, the topic is in sync, the first record was read. */
export interface ReadySight {
  readonly what: 'ready';
}

export type Sight =
  | BrokerSight
  | DiskSight
  | LinkSight
  | SlowLinkSight
  | ZnodeSight
  | SessionSight
  | ReplicaSight
  | ReplicaGoneSight
  | MessageSight
  | MessageGoneSight
  | ProducerSight
  | ConsumerSight
  | GroupSight
  | AckedSight
  | SendFailedSight
  | ReadSight
  | CheckSight
  | VerdictSight
  | ReadySight;

export type LabSight = EventHead & Sight;
export type LabEvent = Happening | LabSight;

const SIGHTS: ReadonlySet<string> = new Set<Sight['what']>([
  'broker',
  'disk',
  'link',
  'slow-link',
  'znode',
  'session',
  'replica',
  'replica-gone',
  'message',
  'message-gone',
  'producer',
  'consumer',
  'group',
  'acked',
  'send-failed',
  'read',
  'check',
  'verdict',
  'ready',
]);

export function isSight(event: LabEvent): event is LabSight {
  return SIGHTS.has(event.what);
}

/** The promises that are checked all the time. */
export const CHECKS = [
  { check: 'one-leader', promise: 'one leader for each leader epoch' },
  { check: 'leader-in-isr', promise: 'the leader is in the ISR, and the ISR among the replicas' },
  { check: 'acked-kept', promise: 'no acknowledged record is lost' },
  { check: 'high-watermark', promise: 'the high watermark never goes back' },
  { check: 'epochs', promise: 'leader and controller epochs only grow' },
  { check: 'replicas-agree', promise: 'replicas agree below the high watermark' },
  { check: 'readers', promise: 'a reader sees each offset once, in order' },
  { check: 'processes', promise: 'the dead do nothing' },
] as const;

export const partitionName = (topic: string, partition: number): string => `${topic}-${partition}`;
export const replicaName = (one: { broker: number; topic: string; partition: number }): string =>
  `${one.broker}/${one.topic}-${one.partition}`;
export const linkName = (from: string, to: string): string => `${from}>${to}`;
