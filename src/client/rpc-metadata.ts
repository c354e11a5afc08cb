/**
 * Cluster metadata by Metadata requests, for clients that have `bootstrap.servers` and cannot reach
 * ZooKeeper.
 *
 * Each request goes to another broker, because a broker that is cut off from the controller keeps returning
 * its old metadata. Invariants: no response takes a partition back to an older leader epoch
 * (last-seen-epochs.ts). A broker that does not respond does not keep the client from asking the next one.
 *
 * Kafka: clients/.../{Metadata,NetworkClient}.java@2.8.2; differs: Kafka asks the least loaded broker and
 * waits up to request.timeout.ms for its response; it no longer uses bootstrap.servers once it knows the
 * cluster.
 */
import { HostPort, topicNameProblem, TopicPartition } from '../common/cluster-types';
import { errorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, Timer, withDeadline } from '../common/host';
import { ConnectionPool } from '../network/connection-pool';
import { metadata } from '../protocol/messages/metadata';
import { TypeOf } from '../protocol/schema';
import {
  ClusterMetadata,
  LeaderAndEpoch,
  MetadataListeners,
  PartitionInfo,
  TopicInfo,
} from './cluster-metadata';
import { LastSeenEpochs } from './last-seen-epochs';
import { nextNode, nodeToConnect } from './least-loaded-node';

export interface RpcMetadataOptions {
  readonly bootstrapServers: readonly HostPort[];
  readonly refreshBackoffMs: number;
  readonly maxAgeMs: number;
  readonly allowAutoTopicCreation: boolean;
}

type Response = TypeOf<typeof metadata.response>;

/**
 * After this time without a response the next broker is asked too. A response that comes later still counts.
 */
const PATIENCE_MS = 2000;

const keyOf = ({ host, port }: HostPort) => `${host}:${port}`;

export class RpcMetadata implements ClusterMetadata {
  private brokers = new Map<number, HostPort>();
  private readonly known = new Map<string, TopicInfo | undefined>();
  private readonly epochs = new LastSeenEpochs();
  private readonly listeners = new MetadataListeners();
  private readonly log: Log;
  private inFlight = false;
  private wanted = false;
  private timer: Timer | undefined;
  private lastMs = -Infinity;
  private turn = 0;
  private readonly lastTurns = new Map<string, number>();
  private isConnecting = false;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly pool: ConnectionPool,
    private readonly options: RpcMetadataOptions,
  ) {
    this.log = host.log.child('RpcMetadata');
  }

  topic(topic: string): TopicInfo | undefined {
    return this.known.get(topic);
  }

  async topics(): Promise<readonly string[]> {
    let last: unknown;
    for (let tries = this.addresses().length; tries > 0; tries--) {
      try {
        const answer = await this.pool.request(this.nextServer(), metadata, {
          topics: [],
          allTopics: true,
          allowAutoTopicCreation: false,
        });
        if (answer.brokers.length > 0)
          return answer.topics.filter((topic) => topic.errorCode === 0).map((topic) => topic.name);
        last = new KafkaError('BROKER_NOT_AVAILABLE', 'the broker does not know the cluster yet');
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  address(brokerId: number): HostPort | undefined {
    return this.brokers.get(brokerId);
  }

  leaderOf(tp: TopicPartition): LeaderAndEpoch {
    return this.epochs.leaderOf(tp, this.known.get(tp.topic));
  }

  updateLastSeenEpochIfNewer(tp: TopicPartition, epoch: number): void {
    if (this.epochs.updateIfNewer(tp, epoch)) this.requestUpdate(tp.topic);
  }

  addresses(): readonly HostPort[] {
    return [
      ...new Map(
        [...this.brokers.values(), ...this.options.bootstrapServers].map((address) => [
          keyOf(address),
          address,
        ]),
      ).values(),
    ];
  }

  async awaitTopic(topic: string, timeoutMs: number): Promise<TopicInfo> {
    const problem = topicNameProblem(topic);
    if (problem) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
    const ready = () => {
      const info = this.known.get(topic);
      return info?.isAvailable ? info : undefined;
    };
    const known = ready();
    if (known) return known;
    if (!this.known.has(topic)) this.known.set(topic, undefined);
    let stop = () => {};
    const found = new Promise<TopicInfo>((resolve) => {
      stop = this.listeners.add(() => {
        const info = ready();
        if (info) resolve(info);
        else this.requestUpdate(topic);
      });
    });
    this.requestUpdate(topic);
    const timeout = () =>
      new KafkaError('TIMEOUT', `Topic ${topic} not present in metadata after ${timeoutMs} ms.`);
    return withDeadline(this.host.clock, timeoutMs, found, timeout).finally(() => stop());
  }

  requestUpdate(topic: string): void {
    if (!this.known.has(topic)) this.known.set(topic, undefined);
    this.wanted = true;
    this.arm(Math.max(0, this.lastMs + this.options.refreshBackoffMs - this.host.clock.monotonicMs()));
  }

  private arm(delayMs: number): void {
    if (this.inFlight || this.isClosed) return;
    this.timer?.cancel();
    this.timer = this.host.clock.schedule(delayMs, () => void this.refresh());
  }

  private loads(addresses: readonly HostPort[]) {
    return addresses.map((address) => {
      const requests = this.pool.requestsInFlight(address);
      return {
        isConnected: requests !== undefined,
        requestsInFlight: requests ?? 0,
        lastTurn: this.lastTurns.get(keyOf(address)) ?? 0,
      };
    });
  }

  /** The broker whose turn it is. */
  private nextServer(): HostPort {
    const addresses = this.addresses();
    const chosen = addresses[nextNode(this.loads(addresses), this.host.random.below(addresses.length))]!;
    this.lastTurns.set(keyOf(chosen), ++this.turn);
    return chosen;
  }

  /**
   * Opens a connection to another broker in the background, so that brokers without a connection get their
   * turn, too.
   */
  private connectAnother(): void {
    const addresses = this.addresses();
    const other = addresses[nodeToConnect(this.loads(addresses), this.host.random.below(addresses.length))];
    if (other === undefined || this.isConnecting) return;
    this.isConnecting = true;
    this.pool
      .get(other)
      .catch(() => {
        // A broker that was unreachable has had its turn; the others go first.
        this.lastTurns.set(keyOf(other), ++this.turn);
      })
      .finally(() => {
        this.isConnecting = false;
      });
  }

  private async refresh(): Promise<void> {
    this.inFlight = true;
    const server = this.nextServer();
    if (this.wanted) this.connectAnother();
    this.wanted = false;
    this.lastMs = this.host.clock.monotonicMs();
    try {
      const request = {
        topics: [...this.known.keys()],
        allTopics: false,
        allowAutoTopicCreation: this.options.allowAutoTopicCreation,
      };
      const asked = this.pool
        .request(server, metadata, request)
        .then((response) => this.apply(response, keyOf(server)));
      await withDeadline(
        this.host.clock,
        PATIENCE_MS,
        asked,
        () => new KafkaError('REQUEST_TIMED_OUT', `no answer within ${PATIENCE_MS} ms`),
      );
    } catch (error) {
      if (this.isClosed) return;
      this.wanted = true;
      this.log.debug(`Metadata could not be read from ${keyOf(server)}: ${messageOf(error)}`);
    } finally {
      this.inFlight = false;
    }
    this.arm(this.wanted ? this.options.refreshBackoffMs : this.options.maxAgeMs);
  }

  private apply(response: Response, from: string): void {
    if (this.isClosed) return;
    // A broker that has just started has not received UpdateMetadata yet: its list of brokers is empty.
    if (response.brokers.length === 0)
      throw new KafkaError('BROKER_NOT_AVAILABLE', 'the broker does not know the cluster yet');
    this.brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    const source = { from, brokers: [...this.brokers.values()].map(keyOf) };
    for (const topic of response.topics) {
      const isUnknown = errorName(topic.errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION';
      if (topic.errorCode !== 0 && !isUnknown) continue;
      const rows = isUnknown ? undefined : topic.partitions.map(partitionInfo);
      const { info, isStale } = this.epochs.merge(this.known.get(topic.name), topic.name, rows, source);
      this.known.set(topic.name, info);
      if (!isStale) continue;
      this.log.debug(`An answer about ${topic.name} was older than what is known; asking another broker`);
      this.wanted = true;
    }
    this.listeners.notify();
  }

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
  }
}

function partitionInfo({
  partitionIndex,
  leaderId,
  leaderEpoch,
  replicas,
  isr,
}: Response['topics'][number]['partitions'][number]): PartitionInfo {
  return { partition: partitionIndex, leader: leaderId, leaderEpoch, replicas, isr };
}
