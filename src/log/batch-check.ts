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
  readonly error?: ErrorName;
  readonly message?: string;
}

/** The tasks of the worker thread. */
export const tasks = {
  checkBatch: async (input: unknown): Promise<CheckOutput> => {
    const { batch, ...rules } = input as CheckInput;
    await loadZstd();
    try {
      return checkRecords(new RecordBatch(Buffer.from(batch.buffer, batch.byteOffset, batch.length)), rules);
    } catch (error) {
      if (error instanceof ExpansionError) return { error: 'MESSAGE_TOO_LARGE', message: error.message };
      if (error instanceof KafkaError) return { error: error.errorName, message: error.message };
      throw error;
    }
  },
};

/**
 * Checks the batch in the worker thread, or in place if the host has none. Rejects with what `checkRecords`
 * throws.
 */
export async function checkOffLoop(
  offLoop: OffLoop | undefined,
  batch: RecordBatch,
  rules: RecordRules,
): Promise<CheckedRecords> {
  if (offLoop === undefined) return checkRecords(batch, rules);
  // A copy, because posting a view to the thread would copy the whole frame that it lies in.
  const answer = (await offLoop.run('checkBatch', {
    ...rules,
    batch: new Uint8Array(batch.bytes()),
  })) as CheckOutput;
  if (answer.error !== undefined && answer.error in errorTable)
    throw new KafkaError(answer.error, answer.message);
  const { times, expandedBytes, stored } = answer as CheckedRecords;
  return { times, expandedBytes, stored: stored && Buffer.from(stored) };
}
