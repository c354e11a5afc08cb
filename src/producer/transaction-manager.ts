/**
 * The state of an idempotent producer: its id and epoch, and for each partition the next sequence, the
 * batches in flight and the last acknowledged sequence. (Transactions themselves are not implemented.)
 *
 * Invariant: a batch that may have been written keeps its id, epoch and sequence until its outcome is known.
 * If a sequence has a gap because a batch was failed, no new batch of the partition is sent until each batch
 * in flight is either written or certainly refused. Then the producer raises its epoch and numbers the
 * remaining batches from 0.
 *
 * [p] Kafka: clients/producer/internals/TransactionManager.java@2.8.2, its idempotent part; differs: Kafka
 * renumbers at once, including batches that may have been written, and so can write them twice
 * (docs/decisions/0007)
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { ProducerBatch } from './producer-batch';

/**
 * Brokers remember the last five batches of a producer. So at most five batches may be sent from the oldest
 * one without an outcome on, whether the others have one or not. max.in.flight.requests.per.connection does
 * not ensure that: it limits one connection, and a partition may move to another leader.
 */
const MAX_SINCE_OLDEST_UNSETTLED = 5;
const NO_SEQUENCE = -1;
const MAX_SEQUENCE = 2 ** 31 - 1;
const MAX_EPOCH = 2 ** 15 - 1;

function after(sequence: number, records: number): number {
  return sequence > MAX_SEQUENCE - records ? records - (MAX_SEQUENCE - sequence) - 1 : sequence + records;
}

/** Sequences wrap from 2^31-1 to 0: if two are far apart, the smaller one is the later one. */
function isLater(sequence: number, than: number): boolean {
  const ahead = sequence - than;
  return than === NO_SEQUENCE || (ahead > 0 && ahead < MAX_SEQUENCE / 2) || ahead < -MAX_SEQUENCE / 2;
}

interface PartitionBook {
  producerId: number;
  producerEpoch: number;
  nextSequence: number;
  lastAckedSequence: number;
  lastAckedOffset: number;
  /**
   * Batches with a sequence and without an outcome, ordered by sequence. They are in flight, or wait to be
   * sent again.
   */
  inFlight: ProducerBatch[];
  /** All batches from the oldest one without an outcome on, including later ones that have one. */
  window: ProducerBatch[];
}

/** What to do with a batch that a broker refused. */
export type Verdict = 'retry' | 'fail';

export class TransactionManager {
  producerId = -1;
  producerEpoch = -1;
  private readonly books = new Map<string, PartitionBook>();
  /** Partitions with a failed batch that may have been written, and the sequence that follows that batch. */
  private readonly unresolved = new Map<string, number>();
  private readonly toRewrite = new Set<string>();

  get hasProducerId(): boolean {
    return this.producerId >= 0;
  }

  setProducerId(producerId: number, producerEpoch: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  private book(tp: TopicPartition): PartitionBook {
    const name = tpName(tp);
    let book = this.books.get(name);
    if (book === undefined) {
      book = {
        producerId: this.producerId,
        producerEpoch: this.producerEpoch,
        nextSequence: 0,
        lastAckedSequence: NO_SEQUENCE,
        lastAckedOffset: -1,
        inFlight: [],
        window: [],
      };
      this.books.set(name, book);
    }
    return book;
  }

  /** Whether the batch at the head of a queue may be sent now. */
  maySend(batch: ProducerBatch): boolean {
    if (!this.hasProducerId) return false;
    const book = this.book(batch.tp);
    const [first] = book.inFlight;
    // The sequence has a gap: first find out the outcome of batches that may have been written.
    if (this.toRewrite.has(tpName(batch.tp)))
      return batch === book.inFlight.find((one) => one.fate === 'unknown');
    // A repeated batch waits until all earlier ones have an outcome. That keeps the order.
    if (batch.hasSequence) return first === undefined || first === batch;
    // A leader without state of this producer accepts any sequence. If it accepted a later batch after it
    // refused the first one, it would refuse the first one for ever. So the first batch is sent alone.
    if (book.lastAckedSequence === NO_SEQUENCE && first !== undefined) return false;
    if (book.window.length >= MAX_SINCE_OLDEST_UNSETTLED) return false;
    const isStale = book.producerId !== this.producerId || book.producerEpoch !== this.producerEpoch;
    return !(isStale && first !== undefined) && !this.unresolved.has(tpName(batch.tp));
  }

  /** Gives a batch that is sent for the first time the next sequence. */
  assignSequence(batch: ProducerBatch): void {
    if (batch.hasSequence) return;
    const book = this.book(batch.tp);
    if (book.producerId !== this.producerId || book.producerEpoch !== this.producerEpoch)
      this.startAtBeginning(book);
    batch.setProducerState(book.producerId, book.producerEpoch, book.nextSequence);
    book.nextSequence = after(book.nextSequence, batch.recordCount);
    book.inFlight.push(batch);
    book.window.push(batch);
  }

  /** The producer has a new id or epoch: numbers the partition's batches in flight from 0. */
  private startAtBeginning(book: PartitionBook): void {
    book.producerId = this.producerId;
    book.producerEpoch = this.producerEpoch;
    book.nextSequence = 0;
    book.lastAckedSequence = NO_SEQUENCE;
    book.window = [...book.inFlight];
    for (const batch of book.inFlight) {
      batch.setProducerState(book.producerId, book.producerEpoch, book.nextSequence);
      batch.sequenceHasBeenReset = true;
      book.nextSequence = after(book.nextSequence, batch.recordCount);
    }
  }

  private remove(batch: ProducerBatch): PartitionBook {
    const book = this.book(batch.tp);
    book.inFlight = book.inFlight.filter((one) => one !== batch);
    const oldest = book.inFlight[0];
    book.window = oldest === undefined ? [] : book.window.slice(book.window.indexOf(oldest));
    return book;
  }

  private lastSequence(batch: ProducerBatch): number {
    return after(batch.baseSequence, batch.recordCount - 1);
  }

  completed(batch: ProducerBatch, baseOffset: number): void {
    const book = this.remove(batch);
    if (batch.producerId !== book.producerId || batch.producerEpoch !== book.producerEpoch) return;
    // The response to a repeated batch may come after that to a later batch.
    const last = this.lastSequence(batch);
    if (isLater(last, book.lastAckedSequence)) book.lastAckedSequence = last;
    if (baseOffset >= 0)
      book.lastAckedOffset = Math.max(book.lastAckedOffset, baseOffset + batch.recordCount - 1);
  }

  /** To be called when a batch has failed for good. */
  failed(batch: ProducerBatch, error: KafkaError): void {
    if (!batch.hasSequence) return;
    this.remove(batch);
    const name = tpName(batch.tp);
    if (error.errorName === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || error.errorName === 'UNKNOWN_PRODUCER_ID')
      this.toRewrite.add(name);
    else if (batch.fate === 'unknown') this.unresolved.set(name, after(this.lastSequence(batch), 1));
    else this.toRewrite.add(name);
  }

  /**
   * A batch was split in two. The halves share its sequence numbers, so the batches behind it keep theirs.
   */
  split(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    const book = this.book(batch.tp);
    const at = book.inFlight.indexOf(batch);
    if (at < 0) return;
    let sequence = batch.baseSequence;
    for (const part of parts) {
      part.setProducerState(batch.producerId, batch.producerEpoch, sequence);
      sequence = after(sequence, part.recordCount);
    }
    book.inFlight.splice(at, 1, ...parts);
    book.window.splice(book.window.indexOf(batch), 1, ...parts);
  }

  private isNextSequence(book: PartitionBook, sequence: number): boolean {
    return (
      sequence === after(book.lastAckedSequence, 1) ||
      (book.lastAckedSequence === NO_SEQUENCE && sequence === 0)
    );
  }

  /** For the errors that only an idempotent producer gets: whether to retry. Undefined for other errors. */
  verdictOn(batch: ProducerBatch, error: KafkaError, logStartOffset: number): Verdict | undefined {
    const book = this.book(batch.tp);
    const name = tpName(batch.tp);
    if (error.errorName === 'UNKNOWN_PRODUCER_ID') {
      // Retention deleted all records of this producer. The broker starts with sequence 0 again, so the
      // producer does, too.
      if (logStartOffset >= 0 && !batch.sequenceHasBeenReset) this.toRewrite.add(name);
      return 'retry';
    }
    if (error.errorName !== 'OUT_OF_ORDER_SEQUENCE_NUMBER') return undefined;
    const unresolvedNext = this.unresolved.get(name);
    if (
      unresolvedNext === undefined &&
      (batch.sequenceHasBeenReset || !this.isNextSequence(book, batch.baseSequence))
    )
      return 'retry';
    if (unresolvedNext === undefined || unresolvedNext === batch.baseSequence) this.toRewrite.add(name);
    return 'retry';
  }

  /**
   * Renumbers the partitions whose batches all have a known outcome. To be called before batches are drained.
   * Returns whether the epoch was raised.
   */
  resolve(): boolean {
    for (const name of this.unresolved.keys()) {
      const book = this.books.get(name)!;
      if (book.inFlight.length > 0) continue;
      this.unresolved.delete(name);
      if (!this.isNextSequence(book, book.nextSequence)) this.toRewrite.add(name);
    }
    if (!this.hasProducerId) return false;
    const settled = [...this.toRewrite]
      .map((name) => ({ name, book: this.books.get(name)! }))
      .filter(({ book }) => book.inFlight.every((batch) => batch.fate !== 'unknown'));
    const isRaised = settled.some(
      ({ book }) => book.producerId === this.producerId && book.producerEpoch === this.producerEpoch,
    );
    if (isRaised && !this.raiseEpoch()) return true;
    for (const { name, book } of settled) {
      this.startAtBeginning(book);
      this.unresolved.delete(name);
      this.toRewrite.delete(name);
    }
    return isRaised;
  }

  /**
   * Returns false if the epoch is at its maximum. Then the producer needs a new id, and all partitions start
   * with that.
   */
  private raiseEpoch(): boolean {
    if (this.producerEpoch < MAX_EPOCH) {
      this.producerEpoch++;
      return true;
    }
    this.producerId = -1;
    this.producerEpoch = -1;
    return false;
  }
}
