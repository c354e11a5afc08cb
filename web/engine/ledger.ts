/**
 * What clients were told: records sent, acknowledged, read. From it comes the verdict (acked, read, lost,
 * duplicated, reordered), counted all the time.
 *
 * `lost` counts acknowledged records, whatever was promised for them: with acks=1 a record may be lost and no
 * promise broken. They are looked for in the leader's log whenever a partition gets a leader.
 */
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { Log } from '../../src/log/log';
import { batchesOf } from '../../src/record/record-batch';
import { recordsOf } from '../../src/record/record';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { idOf } from '../../src/simulation/workload';
import { VerdictSight } from '../shared/events';
import { EventTeller } from './event-log';

const READ_BYTES = 1 << 20;

interface AckedPartition {
  readonly tp: TopicPartition;
  /**
   * Id of the record to the offset that it was acknowledged with; after a loss two may have had the same one.
   */
  readonly records: Map<string, number>;
  /** Ids of those that are lost. */
  lost: readonly string[];
}

/** Of the producer of a record, whose id is `NAME-NUMBER`. */
const producerOf = (record: string): string => record.slice(0, record.lastIndexOf('-'));

/** How many of the records are whose. */
function byProducer(records: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const record of records) counts[producerOf(record)] = (counts[producerOf(record)] ?? 0) + 1;
  return counts;
}

/**
 * Ids of a log's records by offset; what cannot be read, such as a compressed batch without codec, is left
 * out.
 */
function recordIds(log: Log): Map<number, string> {
  const ids = new Map<number, string>();
  try {
    for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
      const before = offset;
      for (const chunk of log.read(offset, log.logEndOffset, READ_BYTES, true)) {
        for (const batch of batchesOf(chunk)) {
          for (const one of recordsOf(batch)) if (one.value) ids.set(one.offset, idOf(one.value));
          offset = Math.max(offset, batch.nextOffset);
        }
      }
      if (offset === before) break;
    }
  } catch {
    // A disk that fails just now, a codec that is not there: no more is known of this log.
  }
  return ids;
}

/** The log of the leader that a partition has now. */
export interface LeaderLog {
  readonly logStart: number;
  /** How many of the partition's acknowledged records it can judge, the first ones; undefined: all. */
  readonly covers?: number;
  /** Ids of its records by offset. */
  ids(): ReadonlyMap<number, string>;
}

export interface LeaderLogs {
  /**
   * Undefined: there is no leader, or its log is not known yet; it is asked for again. `acked`: how many
   * records of the partition are acknowledged now.
   */
  find(tp: TopicPartition, acked: number): LeaderLog | undefined;
}

export function leaderLogsOf(cluster: SimCluster): LeaderLogs {
  return {
    find: (tp) => {
      const leader = cluster.stateOf(tp)?.leader;
      const replica = leader === undefined ? undefined : cluster.partitionOf(leader, tp);
      if (!replica?.isLeader) return undefined;
      const { log } = replica;
      // A compacted log leaves records out on purpose: none of them is missed.
      const isCompacted = log.config['cleanup.policy'].includes('compact');
      return { logStart: isCompacted ? Infinity : log.logStartOffset, ids: () => recordIds(log) };
    },
  };
}

export class Ledger {
  private readonly counts = { sent: 0, acked: 0, read: 0, lost: 0, duplicated: 0, reordered: 0 };
  private duplicatedOf: Readonly<Record<string, number>> = {};
  private lostOf: Readonly<Record<string, number>> = {};
  private readonly acked = new Map<string, AckedPartition>();
  /** Where each record that was read stood first; -1: it was read at two places. */
  private readonly places = new Map<string, string>();
  private readonly readUpTo = new Map<string, number>();
  private readonly uncounted = new Set<string>();
  private hasChanged = true;

  constructor(
    private readonly logs: LeaderLogs,
    private readonly log: EventTeller,
  ) {}

  sent(): void {
    this.counts.sent++;
    this.hasChanged = true;
  }

  wasAcked(tp: TopicPartition, offset: number, record: string): void {
    this.counts.acked++;
    this.hasChanged = true;
    if (offset < 0) return;
    const name = tpName(tp);
    const partition = this.acked.get(name) ?? { tp, records: new Map<string, number>(), lost: [] };
    this.acked.set(name, partition);
    partition.records.set(record, offset);
  }

  /** `sequence`: the record's place in its producer's order. */
  wasRead(
    tp: TopicPartition,
    offset: number,
    record: { id: string; producer: string; sequence: number },
  ): void {
    const place = `${tpName(tp)}@${offset}`;
    const first = this.places.get(record.id);
    if (first === place || first === '') return;
    this.counts.read++;
    this.hasChanged = true;
    if (first !== undefined) {
      this.counts.duplicated++;
      const before = this.duplicatedOf[record.producer] ?? 0;
      this.duplicatedOf = { ...this.duplicatedOf, [record.producer]: before + 1 };
      this.places.set(record.id, '');
      return;
    }
    this.places.set(record.id, place);
    const order = `${record.producer} ${tpName(tp)}`;
    const before = this.readUpTo.get(order) ?? -1;
    if (record.sequence < before) this.counts.reordered++;
    else this.readUpTo.set(order, record.sequence);
  }

  /** The partition has a new leader, or a log was truncated: acknowledged records are looked for again. */
  mayHaveLost(tp: TopicPartition): void {
    this.uncounted.add(tpName(tp));
  }

  private countLost(): void {
    for (const name of this.uncounted) {
      const partition = this.acked.get(name);
      const log = partition && this.logs.find(partition.tp, partition.records.size);
      if (partition && !log) continue;
      this.uncounted.delete(name);
      if (partition) partition.lost = this.lostIn(partition, log!);
    }
    this.hasChanged = true;
    const lost = [...this.acked.values()].flatMap((one) => one.lost);
    this.counts.lost = lost.length;
    this.lostOf = byProducer(lost);
  }

  private lostIn({ records }: AckedPartition, log: LeaderLog): readonly string[] {
    if (records.size === 0) return [];
    const there = log.ids();
    return [...records]
      .slice(0, log.covers)
      .filter(([id, offset]) => offset >= log.logStart && there.get(offset) !== id)
      .map(([id]) => id);
  }

  /** Called after each action. */
  look(): void {
    if (this.uncounted.size > 0) this.countLost();
    if (!this.hasChanged) return;
    this.hasChanged = false;
    const { counts, lostOf, duplicatedOf } = this;
    const sight: VerdictSight = { what: 'verdict', ...counts, lostOf, duplicatedOf };
    this.log.see('simulation', sight);
  }
}
