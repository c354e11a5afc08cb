/**
 * The part of checking a produced batch that depends on what is inside: its records are walked, and compressed
 * anew where the topic wants another codec. That is short for nearly every batch and is done in place; a batch
 * that expands beyond `IN_PLACE_BYTES` is checked off the loop, by the task `checkBatch`.
 *
 * What all batches of a request expand to is bounded: beyond it they are refused with MESSAGE_TOO_LARGE.
 *
 * Kafka: log/LogValidator.scala@2.8.2, on a request handler thread.
 */
import { errorTable, ErrorName, KafkaError } from '../common/errors';
import { OffLoop } from '../common/host';
import { ExpansionError } from '../record/compression';
import { RecordBatch } from '../record/record-batch';
import { loadZstd } from '../record/zstd';
import { checkRecords, CheckedRecords, RecordRules } from './log-validator';

/** About as much as is decompressed and walked in 10 ms. */
export const IN_PLACE_BYTES = 4 * 1024 * 1024;

interface CheckInput extends RecordRules {
  readonly batch: Uint8Array;
}

interface CheckOutput extends Partial<CheckedRecords> {
  readonly error?: ErrorName;
  readonly message?: string;
}

/** For a `WorkerThread`. */
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

/** Checks off the loop, in place where the host has no such thing. Rejects with what `checkRecords` throws. */
export async function checkOffLoop(
  offLoop: OffLoop | undefined, batch: RecordBatch, rules: RecordRules,
): Promise<CheckedRecords> {
  if (offLoop === undefined) return checkRecords(batch, rules);
  // A copy of its own: a view would take the whole frame along.
  const answer = await offLoop.run('checkBatch', { ...rules, batch: new Uint8Array(batch.bytes()) }) as CheckOutput;
  if (answer.error !== undefined && answer.error in errorTable) throw new KafkaError(answer.error, answer.message);
  const { times, expandedBytes, stored } = answer as CheckedRecords;
  return { times, expandedBytes, stored: stored && Buffer.from(stored) };
}
