/**
 * The metadata of a client that has just been created. It opens the real source in the background and passes
 * all calls on to it.
 *
 * Invariant: as long as the client is open, a source that cannot be opened is tried again. A caller that
 * waits gets the reason of the failure, at the latest when its own timeout is over.
 *
 * Kafka: clients/.../Metadata.java@2.8.2, whose clients connect on first use, too
 */
import { HostPort, topicNameProblem, TopicPartition } from '../common/cluster-types';
import { KafkaError, messageOf } from '../common/errors';
import { Host, sleep, withDeadline } from '../common/host';
import { ClusterMetadata, LeaderAndEpoch, MetadataListeners, TopicInfo } from './cluster-metadata';

export class ConnectingMetadata implements ClusterMetadata {
  private source: ClusterMetadata | undefined;
  private opening: Promise<ClusterMetadata> | undefined;
  private readonly listeners = new MetadataListeners();
  private lastProblem: string | undefined;
  private isClosed = false;

  constructor(
    private readonly host: Host,
    private readonly backoffMs: number,
    private readonly openSource: () => Promise<ClusterMetadata>,
  ) {
    this.open().catch(() => {});
  }

  /** Resolves with the source when it is open. Rejects with the reason why the last attempt failed. */
  open(): Promise<ClusterMetadata> {
    this.opening ??= this.tryOpen().catch((error) => {
      this.opening = undefined;
      this.lastProblem = messageOf(error);
      this.tryAgain(error);
      throw error;
    });
    return this.opening;
  }

  /**
   * So that a client that was started during an outage connects when the outage is over, even if no call is
   * made meanwhile.
   */
  private tryAgain(error: unknown): void {
    if (this.isClosed || (error instanceof KafkaError && error.errorName === 'CONFIG_EXCEPTION')) return;
    this.host.clock.schedule(this.backoffMs, () => {
      if (!this.isClosed) this.open().catch(() => {});
    });
  }

  private async tryOpen(): Promise<ClusterMetadata> {
    const source = await this.openSource();
    if (this.isClosed) {
      await source.close();
      throw new KafkaError('ILLEGAL_STATE', 'the client is closed');
    }
    this.source = source;
    source.onChange(() => this.listeners.notify());
    this.listeners.notify();
    return source;
  }

  topic(topic: string): TopicInfo | undefined {
    return this.source?.topic(topic);
  }

  topics(): Promise<readonly string[]> {
    return this.open().then((source) => source.topics());
  }

  address(brokerId: number): HostPort | undefined {
    return this.source?.address(brokerId);
  }

  addresses(): readonly HostPort[] {
    return this.source?.addresses() ?? [];
  }

  leaderOf(tp: TopicPartition): LeaderAndEpoch {
    return this.source?.leaderOf(tp) ?? { leader: -1, epoch: -1 };
  }

  updateLastSeenEpochIfNewer(tp: TopicPartition, epoch: number): void {
    this.source?.updateLastSeenEpochIfNewer(tp, epoch);
  }

  async awaitTopic(topic: string, timeoutMs: number): Promise<TopicInfo> {
    const problem = topicNameProblem(topic);
    if (problem) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
    const deadlineMs = this.host.clock.monotonicMs() + timeoutMs;
    const source = this.source ?? (await this.awaitSource(timeoutMs));
    return source.awaitTopic(topic, Math.max(0, deadlineMs - this.host.clock.monotonicMs()));
  }

  /** Tries until the source is open. Rejects TIMEOUT after `timeoutMs`. */
  awaitSource(timeoutMs: number): Promise<ClusterMetadata> {
    let givenUp = false;
    const attempts = async (): Promise<ClusterMetadata> => {
      for (;;) {
        try {
          return await this.open();
        } catch (error) {
          if (
            givenUp ||
            this.isClosed ||
            (error instanceof KafkaError && error.errorName === 'CONFIG_EXCEPTION')
          )
            throw error;
          await sleep(this.host.clock, this.backoffMs);
        }
      }
    };
    return withDeadline(this.host.clock, timeoutMs, attempts(), () => {
      givenUp = true;
      return new KafkaError(
        'TIMEOUT',
        `No connection to the cluster after ${timeoutMs} ` +
          `ms${this.lastProblem ? `: ${this.lastProblem}` : ''}`,
      );
    });
  }

  requestUpdate(topic: string): void {
    if (this.source) this.source.requestUpdate(topic);
    else this.open().catch(() => {});
  }

  onChange(listener: () => void): () => void {
    return this.listeners.add(listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.source?.close();
  }
}
