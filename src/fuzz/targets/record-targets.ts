/**
 * Targets for record batches: iterating over a block of batches, a leader's validation of a produced batch,
 * reading records, decompressing.
 */
import { KafkaError } from '../../common/errors';
import { headProblem } from '../../log/batch-head';
import { logConfigTable } from '../../log/log-config';
import { parseConfig } from '../../common/config-def';
import {
  firstBatchAround,
  readProducedBatch,
  validateFetchedBatches,
  validateProducedBatch,
} from '../../log/log-validator';
import { buildBatch } from '../../record/batch-builder';
import { compress, compressionId, decompress } from '../../record/compression';
import { filterBatch } from '../../record/filter-batch';
import { Record, recordsOf } from '../../record/record';
import {
  ATTRIBUTES_OFFSET,
  BATCH_HEADER_BYTES,
  batchesOf,
  CRC_OFFSET,
  headerProblem,
  LENGTH_OFFSET,
  LOG_OVERHEAD,
  RecordBatch,
} from '../../record/record-batch';
import { FuzzTarget } from '../fuzz-target';

const REFUSALS = [
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'MESSAGE_TOO_LARGE',
  'INVALID_TIMESTAMP',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
];
const isRefusal = (error: unknown) => error instanceof KafkaError && REFUSALS.includes(error.errorName);
const NOW_MS = 1_600_000_100_000;

/** All codecs that need no loading. zstd has tests of its own. */
const CODECS = ['gzip', 'snappy', 'lz4'] as const;

function recompressed(plain: Buffer, codec: (typeof CODECS)[number]): Buffer {
  const section = compress(codec, plain.subarray(BATCH_HEADER_BYTES));
  const bytes = Buffer.concat([plain.subarray(0, BATCH_HEADER_BYTES), section]);
  bytes.writeInt16BE(compressionId(codec), ATTRIBUTES_OFFSET);
  return repair(bytes);
}

/** Corrects magic, length and CRC to match the bytes. */
function repair(bytes: Buffer): Buffer {
  if (bytes.length < BATCH_HEADER_BYTES) return bytes;
  const whole = Buffer.from(bytes);
  whole[16] = 2;
  whole.writeInt32BE(whole.length - LOG_OVERHEAD, LENGTH_OFFSET);
  whole.writeUInt32BE(new RecordBatch(whole).computeCrc(), CRC_OFFSET);
  return whole;
}

function seeds(): Buffer[] {
  const header = { key: 'h', value: Buffer.from('x') };
  const one = {
    timestamp: NOW_MS,
    key: Buffer.from('k'),
    value: Buffer.from('value'),
    headers: [header, { key: '', value: null }],
  };
  const plain = [
    buildBatch([one]),
    buildBatch([one, { timestamp: NOW_MS + 5, key: Buffer.from('k'), value: null }, one]),
    buildBatch([one, one], { producerId: 7, producerEpoch: 1, baseSequence: 5 }),
    buildBatch([{ timestamp: -1, key: Buffer.alloc(0), value: Buffer.alloc(200) }]),
  ];
  return [...plain, ...CODECS.map((codec) => recompressed(Buffer.from(plain[1]!), codec))];
}

function batchMeaning({ offset, timestamp, key, value, headers }: Record): unknown {
  return { offset, timestamp, key, value, headers };
}

/** Followers and consumers: reads each record of a block of batches. */
const fetched: FuzzTarget = {
  name: 'fetched-batches',
  seeds: () => {
    const next = buildBatch([{ timestamp: NOW_MS, value: Buffer.from('next') }], {
      baseOffset: 5,
      partitionLeaderEpoch: 2,
    });
    return [...seeds(), Buffer.concat([...seeds().slice(0, 1), next])];
  },
  decode: (input) => {
    headProblem(input, 0, input.length, 0);
    firstBatchAround(input, 1);
    for (const batch of batchesOf(input)) void batch.nextOffset;
    return validateFetchedBatches(input, 0).map((batch) => [...recordsOf(batch)].map(batchMeaning));
  },
  isRefusal,
  repair,
};

const config = parseConfig(logConfigTable, {});
const compacted = parseConfig(logConfigTable, { 'cleanup.policy': 'compact' });

/**
 * The leader's validation of a produced batch. Consumers must be able to read every batch that it accepts.
 */
const produced: FuzzTarget = {
  name: 'produced-batch',
  seeds,
  decode: (input) => {
    const batch = validateProducedBatch(
      readProducedBatch(input),
      input.length % 2 === 0 ? config : compacted,
      NOW_MS,
    );
    return { count: batch.recordCount, maxTimestamp: batch.maxTimestamp };
  },
  isRefusal,
  repair,
};

/**
 * A batch that was accepted must be readable to its end: a stored batch that is not would stop every
 * consumer.
 */
const accepted: FuzzTarget = {
  name: 'accepted-batch',
  seeds,
  decode: (input) => {
    const batch = validateProducedBatch(readProducedBatch(input), config, NOW_MS);
    try {
      return [...recordsOf(batch)].length;
    } catch (error) {
      throw new Error(`a batch was accepted that cannot be read: ${(error as Error).message}`);
    }
  },
  isRefusal,
  repair,
};

/** The cleaner: the records that it keeps are unchanged. */
const cleaned: FuzzTarget = {
  name: 'cleaned-batch',
  seeds,
  decode: (input) => {
    if (headerProblem(input, 0) !== undefined) return null;
    const batch = new RecordBatch(input);
    const all = filterBatch(batch, () => true, true);
    if (all === undefined || (batch.recordCount > 0 && !all.equals(batch.bytes())))
      throw new Error('a batch of which all is kept is another');
    let index = 0;
    const half = filterBatch(batch, () => index++ % 2 === 0, true);
    return half === undefined ? null : [...recordsOf(new RecordBatch(half))].map(batchMeaning);
  },
  isRefusal,
  repair,
};

/** The first byte selects the codec of the rest. */
const compressed: FuzzTarget = {
  name: 'compressed-stream',
  seeds: () =>
    CODECS.flatMap((codec) =>
      [0, 10, 3000].map((bytes) =>
        Buffer.concat([Buffer.of(compressionId(codec)), compress(codec, Buffer.alloc(bytes, 'abc'))]),
      ),
    ),
  decode: (input) =>
    decompress(1 + (((input[0] ?? 1) + CODECS.length - 1) % CODECS.length), input.subarray(1)).length > 0,
  isRefusal,
};

export const recordTargets: readonly FuzzTarget[] = [fetched, produced, accepted, cleaned, compressed];
