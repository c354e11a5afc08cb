/**
 * What clients did, as input of the checkers: every record that was sent and the outcome, every record that
 * was read.
 *
 * The outcome of a send is acknowledged (with its offset), failed (certainly not written), or unknown. After
 * a timeout or a lost connection it is unknown, never failed. Both the simulation and the demos use it.
 */
import { TopicPartition, tpName } from '../common/cluster-types';

export type SendOutcome = 'pending' | 'acked' | 'failed' | 'unknown';

export interface SentRecord {
  readonly id: string;
  readonly producer: string;
  /** The position in the producer's order, per partition. */
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
  /** The complete final log of each partition, read at the end. */
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
