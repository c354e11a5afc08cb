/**
 * Checks the records inside a produced batch: walks them, and recompresses the batch if the topic has another
 * codec. That is short for nearly every batch and is done in place. A batch that expands beyond
 * `IN_PLACE_BYTES` is checked in a worker thread, by the task `checkBatch`.
 *
 * The total size to which the batches of a request expand is limited: batches beyond it are refused with
 * MESSAGE_TOO_LARGE.
 *
 * Kafka: log/LogValidator.scala@2.8.2, on a request handler thread.
 */
import { errorTable, ErrorName, KafkaError } from '../common/errors';
import { OffLoop } from '../common/host';
import { ExpansionError } from '../record/compression';
import { RecordBatch } from '../record/record-batch';
import { loadZstd } from '../record/zstd';
import { checkRecords, CheckedRecords, RecordRules } from './log-validator';

/** About as much as can be decompressed and walked in 10 ms. */
export const IN_PLACE_BYTES = 4 * 1024 * 1024;

interface CheckInput extends RecordRules {
  readonly batch: Uint8Array;
}

interface CheckOutput extends Partial<CheckedRecords> {
  readonly expandedBytes: number;
  readonly error?: ErrorName;
  readonly message?: string;
}

/** The tasks of the worker thread. */
export const tasks = {
  checkBatch: async (input: unknown): Promise<CheckOutput> => {
    const { batch, ...rules } = input as CheckInput;
    await loadZstd();
    let expandedBytes = 0;
    const onExpanded = (bytes: number) => {
      expandedBytes = bytes;
    };
    try {
      const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.length);
      return { ...checkRecords(new RecordBatch(bytes), rules, onExpanded), expandedBytes };
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof ExpansionError)
        return { expandedBytes: rules.maxExpandedBytes, error: 'MESSAGE_TOO_LARGE', message };
      if (error instanceof KafkaError) return { expandedBytes, error: error.errorName, message };
      throw error;
    }
  },
};

/** Who waits for a check. */
export interface CheckOwner {
  /** As of `checkRecords`. */
  onExpanded(bytes: number): void;
  /** Whether nobody waits any longer, so that the batch need not be decompressed. */
  readonly isGone: boolean;
}

/**
 * Checks the batch in the worker thread, or in place if the host has none. Rejects with what `checkRecords`
 * throws, or with any error if nobody waits any longer.
 */
export async function checkOffLoop(
  offLoop: OffLoop | undefined,
  batch: RecordBatch,
  rules: RecordRules,
  owner: CheckOwner,
): Promise<CheckedRecords> {
  const onExpanded = (bytes: number) => owner.onExpanded(bytes);
  if (offLoop === undefined) return checkRecords(batch, rules, onExpanded);
  // A copy, because posting a view to the thread would copy the whole frame that it lies in.
  const input: CheckInput = { ...rules, batch: new Uint8Array(batch.bytes()) };
  const answer = (await offLoop.run('checkBatch', input, () => !owner.isGone)) as CheckOutput;
  onExpanded(answer.expandedBytes);
  if (answer.error !== undefined && answer.error in errorTable)
    throw new KafkaError(answer.error, answer.message);
  const { times, stored } = answer as CheckedRecords;
  return { times, stored: stored && Buffer.from(stored) };
}
