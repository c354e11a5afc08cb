/**
 * The consumer of Kafka 0.8: without a coordinator. Every member watches ZooKeeper and rebalances by itself.
 *
 *   members change → stop reading, commit → release owned partitions → compute the whole assignment →
 *   claim the own part by creating /owners znodes → continue reading
 *
 * Invariant: a partition is read only while this member's ephemeral owner znode exists. If a claim meets
 * another member's owner znode, the member gives up its claims and retries. Every member acts on what it has
 * last read; the coordinator replaced this, because it leads to the herd effect and to split brain (demo
 * old-vs-new).
 *
 * Kafka: kafka/consumer/ZookeeperConsumerConnector.scala@0.8.2.2
 */
import { RawConfig } from '../common/config-def';
import { inBackground } from '../common/background';
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, Log, sleep, Timer } from '../common/host';
import { SerialQueue } from '../common/serial-queue';
import { ClientEnvironment } from '../client/client-config';
import { TopicCount } from '../zk/consumer-znodes';
import { ZkConnection } from '../zk/zk-connection';
import { Consumer } from './consumer';
import { ConsumerRecord } from './consumer-record';
import { MessageStream } from './message-stream';
import { OldGroup, rangeAllocation, roundRobinAllocation, threadIds } from './partition-allocation';
import { parseZooKeeperConsumerConfig, ZooKeeperConsumerConfig } from './zookeeper-consumer-config';
import { ZooKeeperGroup } from './zookeeper-group';

/** Counters that make the herd effect visible. */
export interface OldRebalanceStats {
  /** Rebalances that this member has started. */
  rebalances: number;
  /** Attempts that met another member's claim. */
  conflicts: number;
  /** Rebalances that failed after rebalance.max.retries. */
  failures: number;
}

interface Owned {
  readonly tp: TopicPartition;
  readonly stream: MessageStream;
  /** The offset behind the last record returned, or where reading starts; undefined: not known yet. */
  next: number | undefined;
  committed: number | undefined;
}

const IDLE_MS = 100;
const POLL_MS = 200;

export class ZooKeeperConsumer {
  readonly stats: OldRebalanceStats = { rebalances: 0, conflicts: 0, failures: 0 };
  readonly consumerId: string;
  private readonly host: Host;
  private readonly log: Log;
  private readonly config: ZooKeeperConsumerConfig;
  private readonly reader: Consumer;
  private readonly queue: SerialQueue;
  private zk: ZkConnection | undefined;
  private group: ZooKeeperGroup | undefined;
  private topicCount: TopicCount = {};
  private streams = new Map<string, MessageStream>();
  /** The partitions that this member owns, with the stream of each. */
  private owned = new Map<string, Owned>();
  private rebalancePending = false;
  private timer: Timer | undefined;
  private isClosed = false;

  /** Throws CONFIG_EXCEPTION. Connects only in `createMessageStreams`. */
  constructor(
    private readonly environment: ClientEnvironment,
    raw: RawConfig,
  ) {
    const { host } = environment;
    this.host = host;
    const config = (this.config = parseZooKeeperConsumerConfig(raw, (name) =>
      host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`),
    ));
    const unique =
      config['consumer.id'] ?? `${host.name}-${host.clock.wallMs()}-${host.random.bytes(4).toString('hex')}`;
    this.consumerId = `${config['group.id']}_${unique}`;
    this.log = host.log.child(`ZooKeeperConsumer ${this.consumerId}`);
    this.queue = new SerialQueue((error) => {
      if (!this.isClosed) this.log.error(messageOf(error));
    });
    this.reader = new Consumer(environment, {
      'zookeeper.connect': config['zookeeper.connect'],
      'client.id': config['client.id'] ?? config['group.id'],
      'auto.offset.reset': { smallest: 'earliest', largest: 'latest' }[config['auto.offset.reset']] ?? 'none',
      'fetch.max.wait.ms': config['fetch.wait.max.ms'],
      'fetch.min.bytes': config['fetch.min.bytes'],
      'max.partition.fetch.bytes': config['fetch.message.max.bytes'],
      'zookeeper.session.timeout.ms': config['zookeeper.session.timeout.ms'],
      'max.poll.records': 500,
      ...(this.commitsToKafka ? { 'group.id': config['group.id'], 'enable.auto.commit': false } : {}),
    });
  }

  private get commitsToKafka(): boolean {
    return this.config['offsets.storage'] === 'kafka';
  }
  private get commitsToZooKeeper(): boolean {
    return !this.commitsToKafka || (this.config['dual.commit.enabled'] ?? true);
  }

  /**
   * Registers in the group with the given number of streams for each topic. Resolves with the streams after
   * the first rebalance.
   */
  async createMessageStreams(topicCount: TopicCount): Promise<Map<string, MessageStream[]>> {
    if (this.zk) throw new KafkaError('ILLEGAL_STATE', 'createMessageStreams may be called only once');
    for (const [topic, count] of Object.entries(topicCount))
      if (!Number.isInteger(count) || count < 1)
        throw new KafkaError('CONFIG_EXCEPTION', `${topic}: ${count} streams`);
    this.topicCount = topicCount;
    const timeoutMs = this.config['zookeeper.session.timeout.ms'];
    this.zk = await ZkConnection.open(
      this.host,
      this.environment.zookeeper(this.config['zookeeper.connect']),
      { sessionTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, maxInFlightRequests: 64 },
    );
    const group = (this.group = new ZooKeeperGroup(this.zk, this.config['group.id'], this.consumerId, () =>
      this.host.clock.wallMs(),
    ));
    const most = Math.max(...Object.values(topicCount));
    for (const id of threadIds(this.consumerId, most)) this.streams.set(id, this.newStream(id));
    this.zk.addSessionListener({
      onExpired: () => this.stopReading(),
      onNewSession: async () => {
        await group.register(this.topicCount);
        this.rebalanceSoon();
      },
    });
    await group.register(topicCount);
    group.watch(Object.keys(topicCount), () => this.rebalanceSoon());
    this.rebalanceSoon();
    await this.queue.idle();
    inBackground(this.log, 'Reading', this.pump());
    if (this.config['auto.commit.enable']) this.commitLater();
    return new Map(
      Object.entries(topicCount).map(([topic, count]) => [
        topic,
        threadIds(this.consumerId, count).map((id) => this.streams.get(id)!),
      ]),
    );
  }

  private newStream(threadId: string): MessageStream {
    const consumed = (record: ConsumerRecord) => {
      const owned = this.owned.get(tpName(record));
      if (owned) owned.next = record.offset + 1;
    };
    return new MessageStream(
      this.host.clock,
      threadId,
      this.config['consumer.timeout.ms'],
      this.config['queued.max.messages'],
      consumed,
      () => {},
    );
  }

  get assignment(): TopicPartition[] {
    return [...this.owned.values()].map((one) => one.tp);
  }

  /** Watches fire in bursts; one rebalance covers all changes before its start. */
  private rebalanceSoon(): void {
    if (this.rebalancePending || this.isClosed) return;
    this.rebalancePending = true;
    this.queue.put(async () => {
      this.rebalancePending = false;
      if (!this.isClosed) await this.rebalance();
    });
  }

  private async rebalance(): Promise<void> {
    this.stats.rebalances++;
    this.host.event({ what: 'old-rebalance', group: this.config['group.id'], consumer: this.consumerId });
    for (let attempt = 1; attempt <= this.config['rebalance.max.retries'] && !this.isClosed; attempt++) {
      try {
        if (await this.tryRebalance()) return;
      } catch (error) {
        this.log.info(`Rebalance attempt ${attempt} failed: ${messageOf(error)}`);
      }
      await sleep(this.host.clock, this.config['rebalance.backoff.ms']);
    }
    if (this.isClosed) return;
    await this.group!.release().catch((error) =>
      this.log.warn(`Claims could not be given up: ${messageOf(error)}`),
    );
    this.stats.failures++;
    this.log.error(
      `REBALANCE_FAILED: ${this.consumerId} can't rebalance after ${this.config['rebalance.max.retries']} ` +
        `retries; it owns nothing until the group changes again`,
    );
  }

  /** One attempt. Returns true if this member owns its whole part now. */
  private async tryRebalance(): Promise<boolean> {
    const group = this.group!;
    // First stop returning records: the next owner would return them again.
    const read = [...this.owned.values()];
    this.stopReading();
    if (this.config['auto.commit.enable'])
      await this.commit(read).catch((error) =>
        this.log.warn(`Commit before a rebalance failed: ${messageOf(error)}`),
      );
    await group.release();
    const state = await group.read(Object.keys(this.topicCount));
    if (!state.members.has(this.consumerId)) return false;
    const mine = this.myPart(state);
    for (const { tp, threadId } of mine) {
      if (await group.claim(tp, threadId)) continue;
      this.stats.conflicts++;
      this.log.info(`${tpName(tp)} still belongs to somebody else`);
      await group.release();
      return false;
    }
    await this.startReading(mine);
    this.log.info(`Rebalanced: owns ${mine.map(({ tp }) => tpName(tp)).join(', ') || 'nothing'}`);
    return true;
  }

  private myPart(state: OldGroup): { tp: TopicPartition; threadId: string }[] {
    const all =
      this.config['partition.assignment.strategy'] === 'range'
        ? rangeAllocation(state)
        : roundRobinAllocation(state);
    return [...this.streams.keys()].flatMap((threadId) =>
      (all.get(threadId) ?? []).map((tp) => ({ tp, threadId })),
    );
  }

  private stopReading(): void {
    this.owned.clear();
    this.reader.assign([]);
    for (const stream of this.streams.values()) stream.clear();
  }

  private async startReading(mine: readonly { tp: TopicPartition; threadId: string }[]): Promise<void> {
    const offsets = await this.storedOffsets(mine.map(({ tp }) => tp));
    this.reader.assign(mine.map(({ tp }) => tp));
    for (const { tp, threadId } of mine) {
      const stored = offsets.get(tpName(tp));
      if (stored !== undefined) this.reader.seek(tp, stored);
      this.owned.set(tpName(tp), {
        tp,
        stream: this.streams.get(threadId)!,
        next: stored,
        committed: stored,
      });
    }
  }

  /**
   * If offsets are stored in both ZooKeeper and Kafka, the higher one counts, so that a migration loses
   * nothing.
   */
  private async storedOffsets(tps: readonly TopicPartition[]): Promise<Map<string, number>> {
    const found = this.commitsToZooKeeper ? await this.group!.offsets(tps) : new Map<string, number>();
    if (!this.commitsToKafka || tps.length === 0) return found;
    for (const [name, { offset }] of await this.reader.committed(tps))
      found.set(name, Math.max(offset, found.get(name) ?? 0));
    return found;
  }

  /** Moves records from the fetcher to the streams; pauses while a stream is full. */
  private async pump(): Promise<void> {
    while (!this.isClosed) {
      if (this.owned.size === 0 || [...this.streams.values()].some((stream) => stream.isFull)) {
        await sleep(this.host.clock, IDLE_MS);
        continue;
      }
      try {
        // Records of a partition that was given up meanwhile are left to its next owner.
        for (const record of await this.reader.poll(POLL_MS)) this.take(record);
        await this.noteBeginnings();
      } catch (error) {
        if (this.isClosed) return;
        if (!(error instanceof KafkaError) || error.errorName !== 'ILLEGAL_STATE')
          this.log.warn(`Fetching failed: ${messageOf(error)}`);
        await sleep(this.host.clock, IDLE_MS);
      }
    }
  }

  private take(record: ConsumerRecord): void {
    const owned = this.owned.get(tpName(record));
    if (owned === undefined) return;
    owned.next ??= record.offset;
    owned.stream.push(record);
  }

  /**
   * Commits where a partition without a committed offset starts, before any of its records is returned.
   * Otherwise the next owner would start at an end of the log again, which may have moved. Kafka:
   * ConsumerFetcherThread#handleOffsetOutOfRange
   */
  private async noteBeginnings(): Promise<void> {
    for (const owned of this.owned.values()) {
      if (owned.next !== undefined) continue;
      const beginning = await this.reader.position(owned.tp, 0).catch(() => undefined);
      if (owned.next === undefined) owned.next = beginning;
    }
  }

  private commitLater(): void {
    this.timer = this.host.clock.schedule(this.config['auto.commit.interval.ms'], () => {
      if (this.isClosed) return;
      this.commitOffsets().catch((error) => this.log.warn(`Auto-commit failed: ${messageOf(error)}`));
      this.commitLater();
    });
  }

  /** Commits what the streams have returned; offsets that did not change are skipped. */
  commitOffsets(): Promise<void> {
    return this.commit([...this.owned.values()]);
  }

  private async commit(partitions: readonly Owned[]): Promise<void> {
    const due = partitions.filter((one) => one.next !== undefined && one.next !== one.committed);
    const commits = due.map(({ tp, next }) => ({ ...tp, offset: next! }));
    if (commits.length === 0) return;
    if (this.commitsToKafka) await this.reader.commitSync(commits);
    if (this.commitsToZooKeeper) await this.group!.commit(commits);
    due.forEach((one, i) => {
      one.committed = commits[i]!.offset;
    });
  }

  /** Commits, gives up all partitions and leaves the group; the streams end. */
  async shutdown(): Promise<void> {
    if (this.isClosed) return;
    if (this.config['auto.commit.enable'])
      await this.commitOffsets().catch((error) =>
        this.log.warn(`The last commit failed: ${messageOf(error)}`),
      );
    this.isClosed = true;
    this.timer?.cancel();
    this.queue.clear();
    for (const stream of this.streams.values()) stream.end();
    await this.group?.release().catch(() => {});
    await this.zk?.close();
    await this.reader.close();
  }
}
