/**
 * Checkers of clients' histories. Each returns its violations as text; an empty list means that there are
 * none.
 *
 * They are named after the promises: NoAckedWriteLost, NoPhantom, OffsetsAgree, ReadsInOrder, SendsInOrder,
 * NoDuplicate. The tests in test/checkers/checkers.test.ts violate each promise and expect the checker to
 * report it.
 */
import { tpName } from '../common/cluster-types';
import { History, ReadRecord } from './history';

export interface Promised {
  /** A record that the whole ISR has acknowledged is in the final log, at the acknowledged offset. */
  readonly ackedIsDurable: boolean;
  /** With one request in flight, a producer's records are in the log in the order of the sends. */
  readonly ordered: boolean;
  /** A record of an idempotent producer is in the log at most once. */
  readonly unique?: boolean | ((producer: string) => boolean);
}

/** Acknowledged records that are not in the final log at their offset. */
export function lostWrites(history: History): string[] {
  const at = new Map<string, string>();
  for (const [name, records] of history.final)
    for (const { offset, id } of records) at.set(`${name}@${offset}`, id);
  const lost: string[] = [];
  for (const { id, tp, outcome, offset } of history.sent.values()) {
    if (outcome !== 'acked' || offset < 0) continue;
    const found = at.get(`${tpName(tp)}@${offset}`);
    if (found !== id)
      lost.push(
        `NoAckedWriteLost: ${id} was acknowledged at ${tpName(tp)} offset ${offset}, where the log has ` +
          `${found ?? 'nothing'}`,
      );
  }
  return lost;
}

function allReads(history: History): ReadRecord[] {
  return [...history.reads, ...[...history.final.values()].flat()];
}

/** What is known of a partition's offsets, from its final log and from all that was ever read. */
class KnownOffsets {
  private readonly idsAt = new Map<number, Set<string>>();

  constructor(history: History, name: string) {
    for (const { tp, offset, id } of allReads(history)) {
      if (tpName(tp) !== name) continue;
      const ids = this.idsAt.get(offset) ?? new Set();
      this.idsAt.set(offset, ids.add(id));
    }
  }

  /** Whether each lower offset is known, and none of them had this record. */
  isFirstCopy(id: string, offset: number): boolean {
    for (let lower = 0; lower < offset; lower++) {
      const ids = this.idsAt.get(lower);
      if (!ids || ids.has(id)) return false;
    }
    return true;
  }
}

/** Records that were read but never sent, or whose send certainly failed. */
export function phantoms(history: History): string[] {
  const found: string[] = [];
  for (const { reader, tp, offset, id } of allReads(history)) {
    const sent = history.sent.get(id);
    if (!sent)
      found.push(`NoPhantom: ${reader} read '${id}' at ${tpName(tp)} offset ${offset}, which nobody sent`);
    else if (sent.outcome === 'failed')
      found.push(
        `NoPhantom: ${reader} read ${id} at ${tpName(tp)} offset ${offset}, whose send had failed for good`,
      );
  }
  return found;
}

/** Offsets with two different records: at two readers, at two times, or in the final log. */
export function inconsistentOffsets(history: History): string[] {
  const values = new Map<string, ReadRecord>();
  const found: string[] = [];
  for (const read of allReads(history)) {
    const key = `${tpName(read.tp)}@${read.offset}`;
    const first = values.get(key);
    if (!first) values.set(key, read);
    else if (first.id !== read.id)
      found.push(
        `OffsetsAgree: ${key} was ${first.id} for ${first.reader} and ${read.id} for ${read.reader}`,
      );
  }
  return found;
}

/** Readers that skipped an offset or went back. For readers that never seek. */
export function readsOutOfOrder(history: History): string[] {
  const last = new Map<string, number>();
  const found: string[] = [];
  for (const { reader, tp, offset } of allReads(history)) {
    const key = `${reader} ${tpName(tp)}`;
    const before = last.get(key);
    if (before !== undefined && offset !== before + 1)
      found.push(`ReadsInOrder: ${key} read offset ${offset} after ${before}`);
    last.set(key, offset);
  }
  return found;
}

/**
 * Records of a producer whose first copies in the final log are not in the order of the sends. A producer
 * without idempotence may write a record twice, and the first copy may have been deleted or compacted since:
 * such a record is judged only if the log or a reader tells what each offset before it had.
 */
export function sendsOutOfOrder(
  history: History,
  isUnique: (producer: string) => boolean = () => false,
): string[] {
  const found: string[] = [];
  for (const [name, records] of history.final) {
    let known: KnownOffsets | undefined;
    const isFirstCopy = (id: string, offset: number) =>
      (known ??= new KnownOffsets(history, name)).isFirstCopy(id, offset);
    const last = new Map<string, number>();
    const seen = new Set<string>();
    for (const { id, offset } of records) {
      const sent = history.sent.get(id);
      if (!sent || seen.has(id)) continue;
      seen.add(id);
      const before = last.get(sent.producer) ?? -1;
      if (sent.sequence < before && (isUnique(sent.producer) || isFirstCopy(id, offset)))
        found.push(`SendsInOrder: ${id} stands behind a later record of ${sent.producer} in ${name}`);
      last.set(sent.producer, Math.max(before, sent.sequence));
    }
  }
  return found;
}

/** Records of an idempotent producer that are in the final log more than once. */
export function repeatedWrites(
  history: History,
  isUnique: (producer: string) => boolean = () => true,
): string[] {
  const found: string[] = [];
  for (const [name, records] of history.final) {
    const at = new Map<string, number>();
    for (const { id, offset } of records) {
      const producer = history.sent.get(id)?.producer;
      if (producer !== undefined && !isUnique(producer)) continue;
      if (at.has(id))
        found.push(`NoDuplicate: ${id} stands in ${name} at offsets ${at.get(id)} and ${offset}`);
      else at.set(id, offset);
    }
  }
  return found;
}

/** The number of extra copies in the final log. They are allowed without idempotence. */
export function duplicates(history: History): number {
  let count = 0;
  for (const records of history.final.values())
    count += records.length - new Set(records.map((record) => record.id)).size;
  return count;
}

export function checkHistory(history: History, promised: Promised): string[] {
  const { unique = false } = promised;
  const isUnique = typeof unique === 'function' ? unique : () => unique;
  return [
    ...(promised.ackedIsDurable ? lostWrites(history) : []),
    ...phantoms(history),
    ...(promised.ackedIsDurable ? inconsistentOffsets(history) : []),
    ...readsOutOfOrder(history),
    ...(promised.ordered ? sendsOutOfOrder(history, isUnique) : []),
    ...(promised.unique ? repeatedWrites(history, isUnique) : []),
  ];
}
