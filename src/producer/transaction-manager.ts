/**
 * The idempotent producer's book: its id and epoch, and for each partition which sequence comes next, what is on the
 * way, and what was acknowledged last. (Transactions themselves are not implemented.)
 *
 * Invariant: a batch that may have been written keeps its id, epoch and sequence until it is known. When a sequence is
 * broken (a batch was given up), nothing new of its partition is sent until all that is under way is either written or
 * surely refused; then the epoch is raised and what is left is numbered again from 0.
 *
 * [p] Kafka: clients/producer/internals/TransactionManager.java@2.8.2, its idempotent part; differs: Kafka numbers again
 * at once, also what may have been written, and so can write it twice (docs/decisions/0007)
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { ProducerBatch } from './producer-batch';

/**
 * Brokers remember as many batches of a producer, so from the oldest unsettled one on no more may leave, settled or not. The
 * limit of requests in flight does not see to that: it is one a connection, and a partition may change its leader.
 */
const MAX_SINCE_OLDEST_UNSETTLED = 5;
const NO_SEQUENCE = -1;
const MAX_SEQUENCE = 2 ** 31 - 1;
const MAX_EPOCH = 2 ** 15 - 1;

function after(sequence: number, records: number): number {
  return sequence > MAX_SEQUENCE - records ? records - (MAX_SEQUENCE - sequence) - 1 : sequence + records;
}

/** Sequences wrap: of two that are far apart the small one is the later. */
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
  /** Batches with a sequence that are not settled, in the order of their sequences; sent, or waiting to be sent again. */
  inFlight: ProducerBatch[];
  /** Batches, settled or not, from the oldest unsettled one on. */
  window: ProducerBatch[];
}

/** What to do with a batch that a broker refused. */
export type Verdict = 'retry' | 'fail';

export class TransactionManager {
  producerId = -1;
  producerEpoch = -1;
  private readonly books = new Map<string, PartitionBook>();
  /** Partitions with a batch of unknown fate, and the sequence that follows it. */
  private readonly unresolved = new Map<string, number>();
  private readonly toRewrite = new Set<string>();

  get hasProducerId(): boolean { return this.producerId >= 0; }

  setProducerId(producerId: number, producerEpoch: number): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
  }

  private book(tp: TopicPartition): PartitionBook {
    const name = tpName(tp);
    let book = this.books.get(name);
    if (book === undefined) {
      book = { producerId: this.producerId, producerEpoch: this.producerEpoch, nextSequence: 0, lastAckedSequence: NO_SEQUENCE, lastAckedOffset: -1, inFlight: [], window: [] };
      this.books.set(name, book);
    }
    return book;
  }

  /** Whether the batch at the head of a queue may leave now. */
  maySend(batch: ProducerBatch): boolean {
    if (!this.hasProducerId) return false;
    const book = this.book(batch.tp);
    const [first] = book.inFlight;
    // A broken sequence: first find out about what may have been written.
    if (this.toRewrite.has(tpName(batch.tp))) return batch === book.inFlight.find((one) => one.fate === 'unknown');
    // A repeated batch waits until all before it are settled: that is what keeps the order.
    if (batch.hasSequence) return first === undefined || first === batch;
    // A leader that knows nothing of this producer takes any sequence. It must not take a later batch where it
    // refused the first one: that one would be refused for ever. So the first one goes alone.
    if (book.lastAckedSequence === NO_SEQUENCE && first !== undefined) return false;
    if (book.window.length >= MAX_SINCE_OLDEST_UNSETTLED) return false;
    const isStale = book.producerId !== this.producerId || book.producerEpoch !== this.producerEpoch;
    return !(isStale && first !== undefined) && !this.unresolved.has(tpName(batch.tp));
  }

  /** Gives a batch that leaves for the first time its place in the sequence. */
  assignSequence(batch: ProducerBatch): void {
    if (batch.hasSequence) return;
    const book = this.book(batch.tp);
    if (book.producerId !== this.producerId || book.producerEpoch !== this.producerEpoch) this.startAtBeginning(book);
    batch.setProducerState(book.producerId, book.producerEpoch, book.nextSequence);
    book.nextSequence = after(book.nextSequence, batch.recordCount);
    book.inFlight.push(batch);
    book.window.push(batch);
  }

  /** New id or epoch for the partition: what is under way is numbered anew, from 0. */
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
    // The answer of a repeated batch may come after that of a later one, which says more.
    const last = this.lastSequence(batch);
    if (isLater(last, book.lastAckedSequence)) book.lastAckedSequence = last;
    if (baseOffset >= 0) book.lastAckedOffset = Math.max(book.lastAckedOffset, baseOffset + batch.recordCount - 1);
  }

  /** A batch is given up. */
  failed(batch: ProducerBatch, error: KafkaError): void {
    if (!batch.hasSequence) return;
    this.remove(batch);
    const name = tpName(batch.tp);
    if (error.errorName === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || error.errorName === 'UNKNOWN_PRODUCER_ID') this.toRewrite.add(name);
    else if (batch.fate === 'unknown') this.unresolved.set(name, after(this.lastSequence(batch), 1));
    else this.toRewrite.add(name);
  }

  /** A batch was cut in two: the halves take its place, and all behind keep their sequences. */
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
    return sequence === after(book.lastAckedSequence, 1) || (book.lastAckedSequence === NO_SEQUENCE && sequence === 0);
  }

  /** For the errors only an idempotent producer gets: whether trying again can help. */
  verdictOn(batch: ProducerBatch, error: KafkaError, logStartOffset: number): Verdict | undefined {
    const book = this.book(batch.tp);
    const name = tpName(batch.tp);
    if (error.errorName === 'UNKNOWN_PRODUCER_ID') {
      // Retention took everything this producer wrote; the broker starts to count anew, and so do we.
      if (logStartOffset >= 0 && !batch.sequenceHasBeenReset) this.toRewrite.add(name);
      return 'retry';
    }
    if (error.errorName !== 'OUT_OF_ORDER_SEQUENCE_NUMBER') return undefined;
    const unresolvedNext = this.unresolved.get(name);
    if (unresolvedNext === undefined && (batch.sequenceHasBeenReset || !this.isNextSequence(book, batch.baseSequence))) return 'retry';
    if (unresolvedNext === undefined || unresolvedNext === batch.baseSequence) this.toRewrite.add(name);
    return 'retry';
  }

  /** Settles what can be settled; to be called before batches are drained. Returns whether the epoch was raised. */
  resolve(): boolean {
    for (const name of this.unresolved.keys()) {
      const book = this.books.get(name)!;
      if (book.inFlight.length > 0) continue;
      this.unresolved.delete(name);
      if (!this.isNextSequence(book, book.nextSequence)) this.toRewrite.add(name);
    }
    if (!this.hasProducerId) return false;
    const settled = [...this.toRewrite].map((name) => ({ name, book: this.books.get(name)! })).filter(({ book }) => book.inFlight.every((batch) => batch.fate !== 'unknown'));
    const isRaised = settled.some(({ book }) => book.producerId === this.producerId && book.producerEpoch === this.producerEpoch);
    if (isRaised && !this.raiseEpoch()) return true;
    for (const { name, book } of settled) {
      this.startAtBeginning(book);
      this.unresolved.delete(name);
      this.toRewrite.delete(name);
    }
    return isRaised;
  }

  /** False if there is no higher epoch: a new id is asked for, and the partitions begin anew with that. */
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
