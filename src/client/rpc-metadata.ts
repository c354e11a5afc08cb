/**
 * Cluster metadata by the Metadata RPC, for clients that are given brokers and cannot reach ZooKeeper.
 *
 * Kafka: clients/.../{Metadata,NetworkClient}.java@2.8.2
 */
import { HostPort, topicNameProblem } from '../common/cluster-types';
import { errorName, KafkaError, messageOf } from '../common/errors';
import { Host, Log, Timer, withDeadline } from '../common/host';
import { ConnectionPool } from '../network/connection-pool';
import { metadata } from '../protocol/messages/metadata';
import { TypeOf } from '../protocol/schema';
import { ClusterMetadata, MetadataListeners, TopicInfo, topicInfoOf } from './cluster-metadata';

export interface RpcMetadataOptions {
  readonly bootstrapServers: readonly HostPort[];
  readonly refreshBackoffMs: number;
  readonly maxAgeMs: number;
  readonly allowAutoTopicCreation: boolean;
}

type Response = TypeOf<typeof metadata.response>;

export class RpcMetadata implements ClusterMetadata {
  private brokers = new Map<number, HostPort>();
  private readonly known = new Map<string, TopicInfo | undefined>();
  private readonly listeners = new MetadataListeners();
  private readonly log: Log;
  private inFlight = false;
  private wanted = false;
  private timer: Timer | undefined;
  private lastMs = -Infinity;
  private nextServer: number;
  private isClosed = false;

  constructor(private readonly host: Host, private readonly pool: ConnectionPool, private readonly options: RpcMetadataOptions) {
    this.log = host.log.child('RpcMetadata');
    this.nextServer = host.random.below(options.bootstrapServers.length);
  }

  topic(topic: string): TopicInfo | undefined {
    return this.known.get(topic);
  }

  async topics(): Promise<readonly string[]> {
    const servers = this.addresses();
    const answer = await this.pool.request(servers[this.nextServer % servers.length]!, metadata, { topics: [], allTopics: true, allowAutoTopicCreation: false });
    return answer.topics.filter((topic) => topic.errorCode === 0).map((topic) => topic.name);
  }

  address(brokerId: number): HostPort | undefined {
    return this.brokers.get(brokerId);
  }

  addresses(): readonly HostPort[] {
    return [...this.brokers.values(), ...this.options.bootstrapServers];
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
    const timeout = () => new KafkaError('TIMEOUT', `Topic ${topic} not present in metadata after ${timeoutMs} ms.`);
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

  private async refresh(): Promise<void> {
    this.inFlight = true;
    this.wanted = false;
    this.lastMs = this.host.clock.monotonicMs();
    const servers = this.addresses();
    try {
      const request = { topics: [...this.known.keys()], allTopics: false, allowAutoTopicCreation: this.options.allowAutoTopicCreation };
      this.apply(await this.pool.request(servers[this.nextServer % servers.length]!, metadata, request));
    } catch (error) {
      if (this.isClosed) return;
      this.nextServer++;
      this.wanted = true;
      this.log.debug(`Metadata could not be read: ${messageOf(error)}`);
    } finally {
      this.inFlight = false;
    }
    this.listeners.notify();
    this.arm(this.wanted ? this.options.refreshBackoffMs : this.options.maxAgeMs);
  }

  private apply(response: Response): void {
    this.brokers = new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    for (const topic of response.topics) {
      if (topic.errorCode === 0) this.known.set(topic.name, topicInfo(topic));
      else if (errorName(topic.errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION') this.known.set(topic.name, undefined);
    }
  }

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.timer?.cancel();
  }
}

function topicInfo({ name, partitions }: Response['topics'][number]): TopicInfo {
  const rows = partitions.map(({ partitionIndex, leaderId, leaderEpoch, replicas, isr }) => ({ partition: partitionIndex, leader: leaderId, leaderEpoch, replicas, isr }));
  return topicInfoOf(name, rows.sort((a, b) => a.partition - b.partition));
}
