/**
 * Reads one partition of `__consumer_offsets` into groups, in slices, so that other requests get their turn.
 *
 * Invariant: loading always ends. A damaged batch and a record that cannot be decoded are skipped. It throws
 * only if the log cannot be read at all.
 *
 * Kafka: coordinator/group/GroupMetadataManager.scala#doLoadGroupsAndOffsets@2.8.2
 */
import { KafkaError } from '../../common/errors';
import { Clock, Log as Logger, sleep } from '../../common/host';
import { Log } from '../../log/log';
import { batchesOf } from '../../record/record-batch';
import { GroupImage } from './group-image';

/** How many reasons for skipping are logged; further ones are only counted. */
const MAX_REASONS = 10;

export interface GroupLoad {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Log;
  /** Bytes of a slice (offsets.load.buffer.size). */
  readonly bufferSize: number;
  /** Whether the load is still needed: this broker has not stopped leading the partition. */
  readonly isCurrent: () => boolean;
}

/** The state in the log; undefined if it is no longer needed. Throws KAFKA_STORAGE_ERROR. */
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
    // One damaged batch makes the whole slice unreadable, so the slice is read again batch by batch.
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

/**
 * Reads one slice into `image`. Returns the start of the next one, and a description of the damage if nothing
 * was read.
 */
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
