/**
 * The metrics of the sender, under Kafka's names. It also measures callbacks: they run inside the sender, so
 * a slow one delays every other batch. It logs a warning if the callbacks of a batch take longer than
 * SLOW_CALLBACKS_MS.
 *
 * Kafka: clients/producer/internals/SenderMetricsRegistry.java@2.8.2
 */
import { messageOf } from '../common/errors';
import { Clock, Log } from '../common/host';
import { ProducerBatch } from './producer-batch';

const SLOW_CALLBACKS_MS = 200;

export class SenderMetrics {
  private readonly totals = {
    'record-send-total': 0,
    'record-error-total': 0,
    'record-retry-total': 0,
    'batch-total': 0,
    'byte-total': 0,
  };
  private queueTimeSumMs = 0;
  private queueTimeMaxMs = 0;
  private callbackMaxMs = 0;
  private callbackSumMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  sent(batch: ProducerBatch, nowMs: number): void {
    if (batch.attempts > 1) return;
    this.totals['record-send-total'] += batch.recordCount;
    this.totals['batch-total']++;
    this.totals['byte-total'] += batch.sizeInBytes;
    const queuedMs = nowMs - batch.createdMs;
    this.queueTimeSumMs += queuedMs;
    this.queueTimeMaxMs = Math.max(this.queueTimeMaxMs, queuedMs);
  }

  retried(batch: ProducerBatch): void {
    this.totals['record-retry-total'] += batch.recordCount;
  }

  failed(batch: ProducerBatch): void {
    this.totals['record-error-total'] += batch.recordCount;
  }

  /**
   * Runs the callbacks of a batch and measures their time. A callback that throws is logged; the others still
   * run.
   */
  callbacks(batch: ProducerBatch, run: (onThrow: (error: unknown) => void) => void): void {
    const beganMs = this.clock.monotonicMs();
    run((error) => this.log.error(`Error executing user-provided callback: ${messageOf(error)}`));
    const tookMs = this.clock.monotonicMs() - beganMs;
    this.callbackSumMs += tookMs;
    this.callbackMaxMs = Math.max(this.callbackMaxMs, tookMs);
    if (tookMs > SLOW_CALLBACKS_MS) {
      this.log.warn(
        `The callbacks of ${batch.recordCount} records of ${batch.tp.topic}-${batch.tp.partition} took ` +
          `${Math.round(tookMs)} ms; nothing was sent meanwhile`,
      );
    }
  }

  /** By Kafka's names; times in ms, sizes in bytes. */
  snapshot(): Record<string, number> {
    const batches = Math.max(1, this.totals['batch-total']);
    return {
      ...this.totals,
      'batch-size-avg': this.totals['byte-total'] / batches,
      'records-per-request-avg': this.totals['record-send-total'] / batches,
      'record-queue-time-avg': this.queueTimeSumMs / batches,
      'record-queue-time-max': this.queueTimeMaxMs,
      'callback-time-total': this.callbackSumMs,
      'callback-time-max': this.callbackMaxMs,
    };
  }
}
