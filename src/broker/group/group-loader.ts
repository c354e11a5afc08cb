/**
 * Reads one partition of `__consumer_offsets` into groups, in slices, so that others get their turns.
 *
 * Invariant: it ends. Damage is passed over, a batch at a time; so is a record that cannot be understood.
 * Only what makes the log unreadable as a whole is thrown.
 *
 * Kafka: coordinator/group/GroupMetadataManager.scala#doLoadGroupsAndOffsets@2.8.2
 */
import { KafkaError } from '../../common/errors';
import { Clock, Log as Logger, sleep } from '../../common/host';
import { Log } from '../../log/log';
import { batchesOf } from '../../record/record-batch';
import { GroupImage } from './group-image';

/** Reasons for passing something over that are written to the log; the rest is counted. */
const MAX_REASONS = 10;

export interface GroupLoad {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Log;
  /** Bytes of a slice (offsets.load.buffer.size). */
  readonly bufferSize: number;
  /** Whether the groups are still wanted. */
  readonly isCurrent: () => boolean;
}

/** What the log holds; undefined if it is no longer wanted. Throws KAFKA_STORAGE_ERROR. */
export async function loadGroups(load: GroupLoad): Promise<GroupImage | undefined> {
  let skipped = 0;
  const name = `${load.log.tp.topic}-${load.log.tp.partition}`;
  const skip = (reason: string) => {
    if (++skipped <= MAX_REASONS) load.logger.warn(`Loading ${name} passes something over: ${reason}`);
  };
  const image = new GroupImage(skip);
  let sliceBytes = load.bufferSize;
  for (let next = load.log.logStartOffset; next < load.log.logEndOffset;) {
    const slice = readSlice(load.log, next, sliceBytes, image);
    // A damaged batch makes its whole slice unreadable: it is then found out batch by batch.
    if (slice.damage !== undefined && sliceBytes === 1) {
      skip(`${slice.damage}; groups and offsets in it are lost, older commits hold`);
      next++;
    }
    sliceBytes = slice.damage !== undefined ? 1 : Math.min(load.bufferSize, sliceBytes * 2);
    next = Math.max(next, slice.next);
    await sleep(load.clock, 0);
    if (!load.isCurrent()) return undefined;
  }
  if (skipped > MAX_REASONS) load.logger.warn(`Loading ${name} passed ${skipped} records or batches over`);
  return image;
}

/** Takes in one slice; where the next one begins, and what is damaged if nothing could be read. */
function readSlice(
  log: Log,
  from: number,
  maxBytes: number,
  image: GroupImage,
): { readonly next: number; readonly damage?: string } {
  let next = from;
  try {
    for (const batch of batchesOf(Buffer.concat(log.read(from, log.logEndOffset, maxBytes, true)))) {
      image.addBatch(batch);
      next = batch.nextOffset;
    }
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorName !== 'CORRUPT_MESSAGE') throw error;
    return { next: from, damage: error.message };
  }
  return next === from ? { next, damage: `nothing can be read at offset ${from}` } : { next };
}
