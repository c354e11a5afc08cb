/**
 * Periodic tasks. A task runs again one interval after its last run ended, until the scheduler is stopped.
 *
 * Kafka: utils/KafkaScheduler.scala@2.8.2
 */
import { messageOf } from './errors';
import { Clock, Log, Timer } from './host';

export class Scheduler {
  private readonly timers = new Map<() => void, Timer>();
  private isStopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Runs the task after `firstMs`, then every `intervalMs`. If the task throws, the error is logged and the
   * task runs again all the same.
   */
  every(firstMs: number, intervalMs: number, task: () => void): void {
    if (this.isStopped) return;
    this.timers.set(
      task,
      this.clock.schedule(firstMs, () => {
        try {
          task();
        } catch (error) {
          this.log.error(`Background task failed: ${messageOf(error)}`);
        }
        this.every(intervalMs, intervalMs, task);
      }),
    );
  }

  stop(): void {
    this.isStopped = true;
    for (const timer of this.timers.values()) timer.cancel();
  }
}
