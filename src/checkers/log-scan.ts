/**
 * Compares what a log keeps in memory and beside its segments (leader epochs, indexes, producers, log end
 * offset) with its batches.
 *
 * For a log to which nothing is being appended. The tests in test/checkers/log-scan.test.ts violate each rule
 * and expect a report.
 */
import { KafkaError } from '../common/errors';
import { Log } from '../log/log';
import { LogSegment } from '../log/log-segment';
import { BatchMetadata, ProducerState } from '../log/producer-state';
import { batchesOf, RecordBatch } from '../record/record-batch';

interface Placed {
  readonly batch: RecordBatch;
  /** In bytes, from the start of the segment file. */
  readonly position: number;
}

export interface ScanOptions {
  /** Producers whose last batch is older than this may have expired; ms since 1970. */
  readonly expiredBeforeMs?: number;
  /**
   * After a power cut: an index may be damaged, because damage is only detected, and the index rebuilt, when
   * it is used.
   */
  readonly mayIndexesHeal?: boolean;
}

interface Scanned {
  /** The batches with records at or above the log start offset. */
  readonly visible: readonly RecordBatch[];
  /** There are gaps between the batches: the log was compacted. */
  readonly hasGaps: boolean;
  readonly expiredBeforeMs: number;
}

type Report = (rule: string, text: string) => void;

/** Everything in the log that contradicts its batches, each as one line of text. */
export function scanLog(log: Log, options: ScanOptions = {}): string[] {
  const found: string[] = [];
  const report: Report = (rule, text) => {
    found.push(`${rule}: ${log.directory}: ${text}`);
  };
  try {
    scan(log, options, report);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    report('LogReadable', error.message);
  }
  return found;
}

function scan(
  log: Log,
  { expiredBeforeMs = -Infinity, mayIndexesHeal = false }: ScanOptions,
  report: Report,
): void {
  const visible: RecordBatch[] = [];
  let next = log.allSegments[0]!.baseOffset;
  let hasGaps = false;
  for (const segment of log.allSegments) {
    const placed = batchesIn(segment);
    if (!mayIndexesHeal) checkIndexes(segment, placed, (text) => report('IndexesFit', text));
    for (const { batch } of placed) {
      if (batch.baseOffset < next)
        report('OffsetsIncrease', `the batch at ${batch.baseOffset} begins below ${next}`);
      hasGaps ||= batch.baseOffset > next;
      next = batch.nextOffset;
      if (batch.lastOffset >= log.logStartOffset) visible.push(batch);
    }
  }
  // An empty active segment may begin behind a gap: a power cut removed the end of the compacted segment
  // before it.
  const end = log.activeSegment.size > 0 ? next : log.activeSegment.baseOffset;
  const isEmpty = log.logEndOffset === log.logStartOffset && visible.length === 0;
  if (end !== log.logEndOffset && !isEmpty)
    report('EndIsTheLogs', `it ends at ${log.logEndOffset}, its batches at ${end}`);
  checkEpochs(log, visible, hasGaps, (text) => report('EpochsFit', text));
  checkProducers(log, { visible, hasGaps, expiredBeforeMs }, (text) => report('ProducersFit', text));
}

function batchesIn(segment: LogSegment): Placed[] {
  const bytes = segment.read(segment.baseOffset, Infinity, segment.size, true) ?? Buffer.alloc(0);
  // Each batch is copied, because the segment reuses its buffer.
  return [...batchesOf(Buffer.from(bytes))].map((batch) => ({ batch, position: batch.start }));
}

function checkIndexes(segment: LogSegment, placed: readonly Placed[], report: (text: string) => void): void {
  const positions = new Map(placed.map(({ batch, position }) => [batch.lastOffset, position]));
  for (let i = 0; i < segment.index.length; i++) {
    const { offset, position } = segment.index.entry(i);
    if (positions.get(offset) === position) continue;
    report(
      `${segment.index.path}: entry (${offset}, ${position}) is not the end and the position of a batch`,
    );
  }
  const latestAt = new Map<number, number>();
  let latest = -1;
  for (const { batch } of placed) {
    latest = Math.max(latest, batch.maxTimestamp);
    latestAt.set(batch.lastOffset, latest);
  }
  for (let i = 0; i < segment.timeIndex.length; i++) {
    const { timestamp, offset } = segment.timeIndex.entry(i);
    if (timestamp === -1 || latestAt.get(offset) === timestamp) continue;
    report(`${segment.timeIndex.path}: entry (${timestamp}, ${offset}) is not the latest time up to there`);
  }
  const { timestamp } = segment.largestTimestamp;
  if (timestamp !== latest) report(`${segment.path}: its latest time is ${latest}, it says ${timestamp}`);
}

/**
 * Every batch has the leader epoch that the cache has for its offset. Without gaps every entry of the cache
 * has a batch.
 */
function checkEpochs(
  log: Log,
  visible: readonly RecordBatch[],
  hasGaps: boolean,
  report: (text: string) => void,
): void {
  const startOf = (batch: RecordBatch) => Math.max(batch.baseOffset, log.logStartOffset);
  const starts = new Set<string>();
  let before = -1;
  for (const batch of visible) {
    const { partitionLeaderEpoch: epoch, baseOffset } = batch;
    if (epoch < before) report(`the batch at ${baseOffset} has epoch ${epoch} after ${before}`);
    if (epoch !== before) starts.add(`${epoch}@${startOf(batch)}`);
    before = epoch;
    if (epoch < 0) continue;
    const said = log.epochs.epochOf(startOf(batch));
    if (said !== epoch) report(`the batch at ${baseOffset} has epoch ${epoch}, the cache says ${said}`);
  }
  for (const [i, { epoch, startOffset }] of log.epochs.all.entries()) {
    // The leader of this epoch has not written yet.
    if (i === log.epochs.all.length - 1 && startOffset === log.logEndOffset) continue;
    if (startOffset >= log.logEndOffset) report(`epoch ${epoch} begins at ${startOffset}, beyond the end`);
    else if (!hasGaps && !starts.has(`${epoch}@${startOffset}`))
      report(`no batch begins epoch ${epoch} at ${startOffset}`);
  }
}

/**
 * The latest batches of every producer in the log are remembered. More may be remembered than retention has
 * left.
 */
function checkProducers(
  log: Log,
  { visible, hasGaps, expiredBeforeMs }: Scanned,
  report: (text: string) => void,
): void {
  const scanned = new ProducerState();
  for (const batch of visible) scanned.update(batch);
  const text = ({ firstSequence, lastSequence, lastOffset }: BatchMetadata) =>
    `sequences ${firstSequence}–${lastSequence} up to offset ${lastOffset}`;
  for (const { producerId: id, producerEpoch, batches, lastTimestamp } of scanned.all) {
    const known = log.producerState.get(id);
    if (known === undefined) {
      if (lastTimestamp > expiredBeforeMs) report(`producer ${id} is not known`);
      continue;
    }
    if (known.producerEpoch !== producerEpoch) {
      report(`producer ${id} has epoch ${producerEpoch}, known is ${known.producerEpoch}`);
      continue;
    }
    // Compaction keeps the last batch of a producer, but may remove others that are still remembered.
    const comparable = hasGaps ? 1 : Math.min(batches.length, Math.max(1, known.batches.length));
    for (let back = 1; back <= comparable; back++) {
      const [there, mine] = [batches.at(-back), known.batches.at(-back)];
      if (there === undefined || (mine !== undefined && text(mine) === text(there))) continue;
      report(`producer ${id} wrote ${text(there)}, known is ${mine === undefined ? 'nothing' : text(mine)}`);
      break;
    }
  }
  for (const { producerId: id, batches } of log.producerState.all) {
    const last = batches.at(-1);
    const isBeyond = last !== undefined && last.lastOffset >= log.logEndOffset;
    const isUnwritten =
      last !== undefined && last.lastOffset >= log.logStartOffset && scanned.get(id) === undefined;
    if (isBeyond || isUnwritten) report(`producer ${id} wrote ${text(last)}, which the log does not have`);
  }
}
