/**
 * Notifies the controller of ISR changes: collects the changed partitions and writes them into one sequential
 * znode when there was no change for a while, or when the last notification is long ago.
 *
 * Kafka: server/ReplicaManager.scala#maybePropagateIsrChanges@2.8.2 below IBP 2.7
 */
import { inBackground } from '../common/background';
import { TopicPartition, tpName } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { Clock, Log, Timer } from '../common/host';
import { ZkConnection } from '../zk/zk-connection';
import { isrChangeZnode } from '../zk/znodes';

export interface PropagationOptions {
  readonly checkIntervalMs: number;
  readonly quietMs: number;
  readonly maxDelayMs: number;
}

export class IsrChangePropagator {
  private changed = new Map<string, TopicPartition>();
  private lastChangeMs = -Infinity;
  private lastSentMs = -Infinity;
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly zk: ZkConnection,
    private readonly log: Log,
    private readonly options: PropagationOptions,
  ) {}

  start(): void {
    this.timer = this.clock.schedule(this.options.checkIntervalMs, () => {
      inBackground(this.log, 'Announcing ISR changes', this.maybeSend());
      this.start();
    });
  }

  stop(): void {
    this.timer?.cancel();
  }

  record(tp: TopicPartition): void {
    this.changed.set(tpName(tp), tp);
    this.lastChangeMs = this.clock.monotonicMs();
  }

  private async maybeSend(): Promise<void> {
    const now = this.clock.monotonicMs();
    const due =
      this.lastChangeMs + this.options.quietMs < now || this.lastSentMs + this.options.maxDelayMs < now;
    if (this.changed.size === 0 || !due || !this.zk.isConnected) return;
    const sending = this.changed;
    this.changed = new Map();
    this.lastSentMs = now;
    try {
      await this.zk.create(
        isrChangeZnode.createPath,
        isrChangeZnode.encode([...sending.values()]),
        'persistent-sequential',
      );
    } catch (error) {
      this.log.warn(`ISR changes could not be announced, trying again: ${messageOf(error)}`);
      for (const [name, tp] of sending) this.changed.set(name, tp);
    }
  }
}
