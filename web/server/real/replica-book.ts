/**
 * What is known of the replicas of a real cluster, told when it changes, and of one replica at most every few
 * milliseconds.
 *
 * Where a broker's files can be read they say where its log ends; who leads is what the broker itself has
 * said last (its timeline), or else what ZooKeeper says. Only the leader can be asked for its high watermark;
 * a follower's is drawn as the leader's, or its log's end where that is lower: it learns it with its next
 * fetch.
 */
import { LabEvent, replicaName } from '../../shared/events';
import { brokerHost } from '../../shared/run';
import { EventHub } from '../event-hub';
import { LogPositions } from './log-files';

const TELL_EVERY_MS = 40;

interface ReplicaKey {
  readonly broker: number;
  readonly topic: string;
  readonly partition: number;
}

interface Known extends ReplicaKey {
  isOffline: boolean;
  leader: number;
  leaderEpoch: number;
  isr: readonly number[];
  logStart: number;
  logEnd: number;
  highWatermark: number;
  syncedTo: number;
  epochs: LogPositions['epochs'];
  segments: readonly number[];
  /** Its broker has said what it is. */
  hasSpoken: boolean;
  told: string;
  isWaiting: boolean;
}

/** As ZooKeeper, or a broker, says. */
export interface Leadership {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly isr: readonly number[];
}

export class ReplicaBook {
  private readonly replicas = new Map<string, Known>();
  /** By partition, what ZooKeeper says. */
  private readonly states = new Map<string, Leadership>();
  /** By partition. */
  readonly highWatermarks = new Map<string, number>();

  constructor(
    private readonly hub: EventHub,
    private readonly laterMs: (ms: number, run: () => void) => void,
  ) {}

  stateOf(topic: string, partition: number): Leadership | undefined {
    return this.states.get(`${topic}-${partition}`);
  }

  has(key: ReplicaKey): boolean {
    return this.replicas.has(replicaName(key));
  }

  private known(key: ReplicaKey): Known {
    const name = replicaName(key);
    const known = this.replicas.get(name);
    if (known) return known;
    const { broker, topic, partition } = key;
    const state = this.stateOf(topic, partition) ?? { leader: -1, leaderEpoch: -1, isr: [] };
    const fresh: Known = {
      ...{ broker, topic, partition, ...state, isOffline: false },
      ...{ logStart: 0, logEnd: 0, highWatermark: 0, syncedTo: 0, epochs: [], segments: [] },
      ...{ hasSpoken: false, told: '', isWaiting: false },
    };
    this.replicas.set(name, fresh);
    return fresh;
  }

  /** The assignment of a topic: these replicas are to be there. */
  assigned(topic: string, partition: number, brokers: readonly number[]): void {
    for (const broker of brokers) this.changed(this.known({ broker, topic, partition }));
  }

  stateIs(topic: string, partition: number, state: Leadership): void {
    this.states.set(`${topic}-${partition}`, state);
    for (const one of this.of(topic, partition)) {
      if (!one.hasSpoken) Object.assign(one, state);
      this.changed(one);
    }
  }

  /** The topic is gone. */
  remove(topic: string): void {
    for (const [name, { broker, partition, topic: its }] of [...this.replicas]) {
      if (its !== topic) continue;
      this.replicas.delete(name);
      this.states.delete(`${topic}-${partition}`);
      this.hub.see(brokerHost(broker), { what: 'replica-gone', broker, topic, partition });
    }
  }

  /** As its files say. */
  positionsAre(key: ReplicaKey, positions: LogPositions, more: { logStart: number; syncedTo: number }): void {
    const one = this.known(key);
    Object.assign(one, positions, {
      logStart: Math.max(positions.logStart, more.logStart),
      syncedTo: Math.max(more.syncedTo, positions.segments.at(-1) ?? 0),
    });
    this.changed(one);
  }

  highWatermarkIs(topic: string, partition: number, offset: number): void {
    this.highWatermarks.set(`${topic}-${partition}`, offset);
    for (const one of this.of(topic, partition)) this.changed(one);
  }

  /** An event of a broker's timeline, about one of its replicas. */
  hear(event: LabEvent, hasFiles: boolean): void {
    const { broker, topic, partition, what, ...said } = event as Readonly<Record<string, unknown>>;
    if (typeof broker !== 'number' || typeof topic !== 'string' || typeof partition !== 'number') return;
    if (!/^(became-(leader|follower)|isr-changed|truncated)$/.test(String(what))) return;
    const one = this.known({ broker, topic, partition });
    one.hasSpoken = true;
    if (Array.isArray(said.isr)) one.isr = said.isr as number[];
    if (typeof said.leader === 'number') one.leader = said.leader;
    if (typeof said.leaderEpoch === 'number') one.leaderEpoch = said.leaderEpoch;
    if (!hasFiles) {
      const end = what === 'truncated' ? said.to : said.logEndOffset;
      if (typeof end === 'number') one.logEnd = end;
      if (typeof said.highWatermark === 'number') one.highWatermark = said.highWatermark;
    }
    this.changed(one);
  }

  private of(topic: string, partition: number): Known[] {
    return [...this.replicas.values()].filter((one) => one.topic === topic && one.partition === partition);
  }

  private changed(one: Known): void {
    if (one.isWaiting) return;
    one.isWaiting = true;
    const now = () => {
      one.isWaiting = false;
      if (this.replicas.get(replicaName(one)) === one) this.tell(one);
    };
    // The first change is told at once, those that follow soon are told together.
    if (one.told === '') now();
    else this.laterMs(TELL_EVERY_MS, now);
  }

  private tell(one: Known): void {
    const { broker, topic, partition, leader, isOffline } = one;
    const known = this.highWatermarks.get(`${topic}-${partition}`);
    const highWatermark = known === undefined ? one.highWatermark : Math.min(known, one.logEnd);
    const role = isOffline ? 'offline' : leader === broker ? 'leader' : 'follower';
    const { leaderEpoch, logStart, logEnd, syncedTo, isr, epochs, segments } = one;
    const said = { role, leader, leaderEpoch, logStart, highWatermark, logEnd, syncedTo } as const;
    const sight = {
      ...said,
      isr,
      epochs: epochs.length > 0 ? epochs : [[leaderEpoch, 0] as const],
      segments,
    };
    const text = JSON.stringify(sight);
    if (one.told === text) return;
    one.told = text;
    this.hub.see(brokerHost(broker), { what: 'replica', broker, topic, partition, ...sight });
  }
}
