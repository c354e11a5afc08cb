/**
 * Producer interceptors: the user's code that runs before a record is sent and after its outcome is known.
 *
 * Invariant: an interceptor that throws is logged and skipped. It can neither lose a record nor stop another
 * one.
 *
 * [p] Kafka: clients/producer/{ProducerInterceptor,internals/ProducerInterceptors}.java@2.8.2
 */
import { KafkaError, messageOf } from '../common/errors';
import { ProducerRecord, RecordMetadata } from './producer-record';

export interface ProducerInterceptor {
  /** Returns the record to send: the same one or another. */
  onSend?(record: ProducerRecord): ProducerRecord;
  /** Called before the record's own callback. `metadata` is null if the record failed. */
  onAcknowledgement?(metadata: RecordMetadata | null, error: KafkaError | null): void;
  close?(): void;
}

export class ProducerInterceptors {
  constructor(
    private readonly chain: readonly ProducerInterceptor[],
    private readonly warn: (message: string) => void,
  ) {}

  get isEmpty(): boolean {
    return this.chain.length === 0;
  }

  onSend(record: ProducerRecord): ProducerRecord {
    let current = record;
    for (const one of this.chain) {
      this.guarded('onSend', () => {
        current = one.onSend?.(current) ?? current;
      });
    }
    return current;
  }

  onAcknowledgement(metadata: RecordMetadata | null, error: KafkaError | null): void {
    for (const one of this.chain)
      this.guarded('onAcknowledgement', () => one.onAcknowledgement?.(metadata, error));
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
