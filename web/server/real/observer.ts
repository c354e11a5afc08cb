/**
 * Everything that is seen of a real cluster, and told: ZooKeeper's tree by watches, the brokers' own events
 * by their timelines, their logs by their files, high watermarks by asking leaders. Each change is followed
 * from the event that made it; nothing that has an event is polled.
 *
 * It never writes: neither to ZooKeeper nor to a file.
 */
import { HostPort, TopicPartition } from '../../../src/common/cluster-types';
import { Host } from '../../../src/common/host';
import { realZooKeeper } from '../../../src/zk/real-zookeeper';
import { ZkConnection } from '../../../src/zk/zk-connection';
import { ZooKeeper } from '../../../src/zk/zk-session';
import { brokerIdZnode, partitionStateZnode, topicZnode } from '../../../src/zk/znodes';
import * as path from 'node:path';
import { isSight, LabEvent } from '../../shared/events';
import { ZOOKEEPER } from '../../shared/run';
import { EventHub } from '../event-hub';
import { BrokerBook } from './broker-book';
import { LeaderOffsets } from './leader-offsets';
import { LineTail } from './line-tail';
import { LogDirWatch } from './log-dir-watch';
import { RealChecks } from './real-checks';
import { ReplicaBook } from './replica-book';
import { MAX_ZNODES, ownerOf, SeenZnode, TreeWatch } from './tree-watch';

/** Short: nothing hangs on the session, and with it the next connection is tried soon. */
const SESSION_MS = 6000;
const CONNECT_MS = 60_000;
/** Of a znode's data the page gets so much. */
const SHOWN_LENGTH = 4096;

/** Where the files of a broker are, if they can be read from here. */
export interface BrokerFiles {
  readonly logDir: string;
  readonly timeline: string;
}

export interface ObserverDeps {
  readonly host: Host;
  readonly hub: EventHub;
  readonly connect: string;
  /** The name of the brokers' endpoint that is reached from here; undefined: the first with PLAINTEXT. */
  readonly listener: string | undefined;
  readonly book: BrokerBook;
  readonly checks: RealChecks;
  readonly filesOf: (broker: number) => BrokerFiles | undefined;
  /** Acknowledged records of this partition may be lost. */
  readonly mayHaveLost: (tp: TopicPartition) => void;
  /** A broker's registration came or went. */
  readonly registered: (broker: number, isRegistered: boolean) => void;
}

export class Observer {
  readonly replicas: ReplicaBook;
  readonly offsets: LeaderOffsets;
  private readonly addresses = new Map<number, HostPort>();
  private readonly assignments = new Map<string, ReadonlyMap<number, readonly number[]>>();
  private readonly tails = new Map<number, { readonly lines: LineTail; readonly logs: LogDirWatch }>();
  private zk: ZkConnection | undefined;
  private tree: TreeWatch | undefined;
  private isClosed = false;

  constructor(private readonly deps: ObserverDeps) {
    const { hub, host } = deps;
    this.replicas = new ReplicaBook(hub, (ms, run) => void setTimeout(run, ms));
    this.offsets = new LeaderOffsets(
      host,
      (broker) => this.addresses.get(broker),
      (tp, epoch, offset) => {
        deps.checks.highWatermarkIs(tp, epoch, offset);
        this.replicas.highWatermarkIs(tp.topic, tp.partition, offset);
      },
    );
  }

  /** Resolves when the tree was read once. Rejects with ZkError if no server answers in time. */
  async start(): Promise<void> {
    const { host, connect } = this.deps;
    const options = { sessionTimeoutMs: SESSION_MS, connectTimeoutMs: CONNECT_MS, maxInFlightRequests: 256 };
    this.zk = await ZkConnection.open(host, this.watched(realZooKeeper(host, connect)), options);
    const see = (znode: SeenZnode) => this.znode(znode);
    this.tree = new TreeWatch(this.zk, host.log, see, () => {
      this.deps.hub.happened(ZOOKEEPER, 'tree-too-large', { shown: MAX_ZNODES });
    });
    await this.tree.start();
  }

  /** Tells when the lab's own connection breaks: what is drawn of ZooKeeper is then as it was. */
  private watched(zookeeper: ZooKeeper): ZooKeeper {
    return {
      ...zookeeper,
      openSession: async (options) => {
        const session = await zookeeper.openSession(options);
        let isLost = false;
        session.onEvent(({ type }) => {
          if (this.isClosed || (type !== 'suspended' && type !== 'connected')) return;
          if (isLost === (type === 'suspended')) return;
          isLost = type === 'suspended';
          this.deps.hub.happened(ZOOKEEPER, isLost ? 'zookeeper-silent' : 'zookeeper-heard', {});
        });
        return session;
      },
    };
  }

  private znode(znode: SeenZnode): void {
    const { path, change, data, stat } = znode;
    const { hub, book, checks } = this.deps;
    const version = stat?.version ?? -1;
    const owner = stat ? ownerOf(stat) : null;
    const isBroker = /^\/brokers\/ids\/(\d+)$/.exec(path);
    if (isBroker) this.registration(Number(isBroker[1]), data);
    const shown = data !== null && data.length > SHOWN_LENGTH ? `${data.slice(0, SHOWN_LENGTH)}…` : data;
    hub.see(ZOOKEEPER, { what: 'znode', path, change, data: shown, version, owner });
    if (book.znode(znode)) {
      if (path === '/controller_epoch' && data !== null) checks.controllerEpochIs(Number(data));
      if (isBroker) this.deps.registered(Number(isBroker[1]), data !== null);
      return;
    }
    this.topicZnode(path, data, version);
  }

  private topicZnode(path: string, data: string | null, version: number): void {
    const [, topic, partition] =
      /^\/brokers\/topics\/([^/]+)(?:\/partitions\/(\d+)\/state)?$/.exec(path) ?? [];
    if (topic === undefined) return;
    try {
      if (partition === undefined) this.assignment(topic, data);
      else if (data !== null) this.state({ topic, partition: Number(partition) }, data, version);
    } catch {
      // Somebody else wrote something that is no state: it is shown as it is in the tree.
    }
  }

  private registration(id: number, data: string | null): void {
    if (data === null) return;
    this.follow(id);
    try {
      const { endpoints } = brokerIdZnode.decode(id, Buffer.from(data), -1);
      const { listener } = this.deps;
      const found =
        listener === undefined
          ? (endpoints.find(({ securityProtocol }) => securityProtocol === 'PLAINTEXT') ?? endpoints[0])
          : endpoints.find((one) => one.listener === listener);
      if (found) this.addresses.set(id, found);
    } catch {
      // As above.
    }
  }

  /** Reads the broker's timeline and files, if they are in reach; again and again: once. */
  follow(id: number): void {
    if (this.tails.has(id) || this.isClosed) return;
    const files = this.deps.filesOf(id);
    if (!files) return;
    const lines = new LineTail(files.timeline, (line) => this.line(id, line));
    const logs = new LogDirWatch(path.resolve(files.logDir), (tp, positions, more) => {
      this.replicas.positionsAre({ broker: id, ...tp }, positions, more);
      const state = this.replicas.stateOf(tp.topic, tp.partition);
      if (state && state.leader >= 0) this.offsets.ask(state.leader, tp);
    });
    this.tails.set(id, { lines, logs });
  }

  private line(id: number, line: string): void {
    let event: Readonly<Record<string, unknown>>;
    try {
      event = JSON.parse(line) as Readonly<Record<string, unknown>>;
    } catch {
      return;
    }
    const { time, who, what, seq: _seq, atMs: _atMs, ...fields } = event;
    if (typeof time !== 'number' || typeof what !== 'string') return;
    if (isSight({ what } as LabEvent)) return;
    const { hub, checks } = this.deps;
    // What was before the lab came is not its to tell.
    const atMs = time - hub.startedMs;
    if (atMs < 0) return;
    hub.happened(typeof who === 'string' ? who : `broker-${id}`, what, fields, atMs);
    const told = { seq: 0, atMs, who, what, ...fields } as LabEvent;
    checks.hear(told);
    this.replicas.hear(told, true);
    if (what === 'truncated') {
      this.deps.mayHaveLost({ topic: String(fields.topic), partition: Number(fields.partition) });
    }
  }

  private assignment(topic: string, data: string | null): void {
    if (data === null) {
      this.assignments.delete(topic);
      this.deps.checks.topicIsGone(topic);
      return this.replicas.remove(topic);
    }
    const { partitions } = topicZnode.decode(topic, Buffer.from(data));
    this.assignments.set(topic, partitions);
    for (const [partition, brokers] of partitions) this.replicas.assigned(topic, partition, brokers);
  }

  private state(tp: TopicPartition, data: string, version: number): void {
    const { leader, leaderEpoch, isr } = partitionStateZnode.decode(tp, Buffer.from(data), version);
    const { topic, partition } = tp;
    const before = this.replicas.stateOf(topic, partition);
    const state = { leader, leaderEpoch, isr };
    this.replicas.stateIs(topic, partition, state);
    this.deps.checks.stateIs(tp, state, this.assignments.get(topic)?.get(partition));
    if (leader >= 0) this.offsets.ask(leader, tp);
    if (before?.leader === leader && before.leaderEpoch === leaderEpoch) return;
    const hasTimelines = [...this.tails.values()].some(({ lines }) => lines.isThere);
    if (before && !hasTimelines) this.elected(tp, before.leader, state);
    if (before && leader >= 0) this.deps.mayHaveLost(tp);
  }

  /** Where no broker's timeline is in reach, ZooKeeper tells of elections. */
  private elected(
    tp: TopicPartition,
    from: number,
    state: { readonly leader: number; readonly leaderEpoch: number; readonly isr: readonly number[] },
  ): void {
    const { hub } = this.deps;
    if (tp.topic.startsWith('__')) return;
    if (state.leader >= 0)
      hub.happened(ZOOKEEPER, 'leader-elected', { ...tp, ...state, from, unclean: null });
    else hub.happened(ZOOKEEPER, 'replica-left-isr', { ...tp, ...state, replica: from });
  }

  /** What the brokers are asked for again; the high watermark of every partition that is known. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.tree?.close();
    this.offsets.close();
    for (const { lines, logs } of this.tails.values()) {
      lines.close();
      logs.close();
    }
    await this.zk?.close().catch(() => {});
  }
}
