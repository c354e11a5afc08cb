/**
 * What clients did, as the checkers need it: every record that was sent and how that ended, every record that was read.
 *
 * A send ends as acknowledged (with its offset), as failed (surely not written), or as unknown: a time-out or a lost
 * connection is unknown, never failed. Used by the simulation and by the demos alike.
 */
import { TopicPartition, tpName } from '../common/cluster-types';

export type SendOutcome = 'pending' | 'acked' | 'failed' | 'unknown';

export interface SentRecord {
  readonly id: string;
  readonly producer: string;
  /** Position in the producer's order, per partition. */
  readonly sequence: number;
  readonly tp: TopicPartition;
  outcome: SendOutcome;
  offset: number;
}

export interface ReadRecord {
  readonly reader: string;
  readonly tp: TopicPartition;
  readonly offset: number;
  readonly id: string;
}

export class History {
  readonly sent = new Map<string, SentRecord>();
  readonly reads: ReadRecord[] = [];
  /** The whole final log of each partition, as read at the end. */
  readonly final = new Map<string, ReadRecord[]>();

  send(id: string, producer: string, sequence: number, tp: TopicPartition): SentRecord {
    const record: SentRecord = { id, producer, sequence, tp, outcome: 'pending', offset: -1 };
    this.sent.set(id, record);
    return record;
  }

  read(reader: string, tp: TopicPartition, offset: number, id: string): void {
    this.reads.push({ reader, tp, offset, id });
  }

  readFinal(tp: TopicPartition, offset: number, id: string): void {
    const list = this.final.get(tpName(tp)) ?? [];
    list.push({ reader: 'final', tp, offset, id });
    this.final.set(tpName(tp), list);
  }

  count(outcome: SendOutcome): number {
    return [...this.sent.values()].filter((record) => record.outcome === outcome).length;
  }
}
