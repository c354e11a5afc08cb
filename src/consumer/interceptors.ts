/**
 * Consumer interceptors: the user's code that runs before poll returns records, and after each commit. One
 * that throws is logged and skipped.
 *
 * [p] Kafka: clients/consumer/{ConsumerInterceptor,internals/ConsumerInterceptors}.java@2.8.2
 */
import { messageOf } from '../common/errors';
import { ConsumerRecord } from './consumer-record';
import { OffsetCommit } from './offset-committer';

export interface ConsumerInterceptor {
  /** Gets the records that poll is about to return. Returns the same records or others. */
  onConsume?(records: readonly ConsumerRecord[]): readonly ConsumerRecord[];
  onCommit?(offsets: readonly OffsetCommit[]): void;
  close?(): void;
}

export class ConsumerInterceptors {
  constructor(
    private readonly chain: readonly ConsumerInterceptor[],
    private readonly warn: (message: string) => void,
  ) {}

  onConsume(records: ConsumerRecord[]): ConsumerRecord[] {
    if (this.chain.length === 0 || records.length === 0) return records;
    let current: readonly ConsumerRecord[] = records;
    for (const one of this.chain)
      this.guarded('onConsume', () => {
        current = one.onConsume?.(current) ?? current;
      });
    return [...current];
  }

  onCommit(offsets: readonly OffsetCommit[]): void {
    for (const one of this.chain) this.guarded('onCommit', () => one.onCommit?.(offsets));
  }

  close(): void {
    for (const one of this.chain) this.guarded('close', () => one.close?.());
  }

  private guarded(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.warn(`Error executing interceptor ${what}: ${messageOf(error)}`);
    }
  }
}
