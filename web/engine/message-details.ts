/**
 * A message taken apart by its schema: every field with its name, type and sentence; record sets down to the
 * records.
 */
import { messageOf } from '../../src/common/errors';
import { decodeResponse, decodeRequest } from '../../src/protocol/wire';
import { apiByKey } from '../../src/protocol/apis';
import { Schema } from '../../src/protocol/schema';
import { compressionTypes } from '../../src/record/compression';
import { BATCH_HEADER_BYTES, batchesOf, RecordBatch } from '../../src/record/record-batch';
import { recordsOf } from '../../src/record/record';
import { DetailField, MessageDetails } from '../shared/worker-protocol';
import { KeptMessage } from './message-watch';

const MAX_ROWS = 200;
const MAX_TEXT = 2000;
const MAX_HEX_BYTES = 4096;
const MAX_RECORD_BYTES = 96;

const leaf = (name: string, type: string, doc: string, value: string): DetailField => ({
  name,
  type,
  doc,
  value: value.slice(0, MAX_TEXT),
  fields: [],
});

/** At most MAX_ROWS rows; the last says how many are left out. */
function rows<T>(list: readonly T[], toField: (one: T, i: number) => DetailField): DetailField[] {
  const fields = list.slice(0, MAX_ROWS).map(toField);
  const more = list.length - fields.length;
  return more > 0 ? [...fields, leaf('…', 'array', 'not shown', `${more} more`)] : fields;
}

function scalarText(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Buffer.isBuffer(value)
    ? `${value.length} bytes: ${value.toString('hex').slice(0, 200)}`
    : String(value);
}

function fieldOf(name: string, schema: Schema<unknown>, doc: string, value: unknown): DetailField {
  switch (schema.kind) {
    case 'struct':
      return { name, type: 'struct', doc, value: null, fields: structFields(schema, value) };
    case 'array': {
      const list = (value ?? []) as readonly unknown[];
      const fields = rows(list, (one, i) => fieldOf(`[${i}]`, schema.of, '', one));
      return { name, type: 'array', doc, value: `${list.length} elements`, fields };
    }
    case 'records': {
      const bytes = Buffer.concat([...(value as readonly Buffer[])]);
      return { name, type: 'records', doc, value: `${bytes.length} bytes`, fields: batchFields(bytes) };
    }
    default:
      return leaf(name, schema.kind, doc, scalarText(value));
  }
}

function structFields(schema: Extract<Schema<unknown>, { kind: 'struct' }>, value: unknown): DetailField[] {
  return schema.fields.map(({ name, type, doc }) =>
    fieldOf(name, type, doc, (value as Record<string, unknown>)[name]),
  );
}

function batchFields(bytes: Buffer): DetailField[] {
  try {
    return rows([...batchesOf(bytes)], (batch, i) => ({
      name: `batch [${i}]`,
      type: 'RecordBatch',
      doc: 'record batch, version 2',
      value: `offsets ${batch.baseOffset} to ${batch.lastOffset}`,
      fields: [...headerFields(batch), recordBytes(batch), ...recordFields(batch)],
    }));
  } catch (error) {
    return [leaf('unreadable', 'records', 'the batches cannot be read', messageOf(error))];
  }
}

type HeaderField = readonly [
  name: string,
  type: string,
  from: number,
  to: number,
  doc: string,
  value: (batch: RecordBatch) => string,
];

const codecOf = ({ compression }: RecordBatch) => compressionTypes[compression] ?? `codec ${compression}`;

/** The header of a batch, byte by byte. */
const HEADER: readonly HeaderField[] = [
  [
    'baseOffset',
    'int64',
    0,
    7,
    'offset of the first record; the leader sets it',
    (b) => String(b.baseOffset),
  ],
  ['batchLength', 'int32', 8, 11, 'how many bytes follow', (b) => String(b.sizeInBytes - 12)],
  [
    'partitionLeaderEpoch',
    ...(['int32', 12, 15, 'the leader epoch it was appended in'] as const),
    (b) => String(b.partitionLeaderEpoch),
  ],
  ['magic', 'int8', 16, 16, 'the version of the format', (b) => String(b.magic)],
  ['crc', 'uint32', 17, 20, 'CRC-32C of everything behind it', (b) => b.crc.toString(16).padStart(8, '0')],
  [
    'attributes',
    ...(['int16', 21, 22, 'codec, kind of timestamp, transactional, control'] as const),
    (b) => `${b.attributes} (${codecOf(b)})`,
  ],
  ['lastOffsetDelta', 'int32', 23, 26, 'last offset less base offset', (b) => String(b.lastOffsetDelta)],
  ['firstTimestamp', 'int64', 27, 34, 'ms since 1970', (b) => String(b.firstTimestamp)],
  ['maxTimestamp', 'int64', 35, 42, 'ms since 1970', (b) => String(b.maxTimestamp)],
  ['producerId', 'int64', 43, 50, '-1 without idempotence', (b) => String(b.producerId)],
  ['producerEpoch', 'int16', 51, 52, 'of the producer id', (b) => String(b.producerEpoch)],
  ['baseSequence', 'int32', 53, 56, 'sequence number of the first record', (b) => String(b.baseSequence)],
  ['recordCount', 'int32', 57, 60, 'records in the batch', (b) => String(b.recordCount)],
];

function headerFields(batch: RecordBatch): DetailField[] {
  const bytesOf = (from: number, to: number) =>
    batch.buffer
      .subarray(batch.start + from, Math.min(batch.buffer.length, batch.start + to + 1))
      .toString('hex');
  return HEADER.map(([name, type, from, to, doc, value]) => ({
    ...leaf(name, type, `${from === to ? `byte ${from}` : `bytes ${from} to ${to}`}: ${doc}`, value(batch)),
    bytes: bytesOf(from, to),
  }));
}

/** What stands behind the header: the records, compressed if the batch is. */
function recordBytes(batch: RecordBatch): DetailField {
  const from = batch.start + BATCH_HEADER_BYTES;
  const bytes = batch.buffer.subarray(from, batch.start + batch.sizeInBytes);
  return {
    ...leaf('records', 'bytes', `from byte ${BATCH_HEADER_BYTES}: the records`, `${bytes.length} bytes`),
    bytes: bytes.subarray(0, MAX_RECORD_BYTES).toString('hex'),
  };
}

function recordFields(batch: RecordBatch): DetailField[] {
  try {
    return rows([...recordsOf(batch)], ({ offset, key, value, headers }) => ({
      name: `record ${offset}`,
      type: 'Record',
      doc: 'one record',
      value: null,
      fields: [
        leaf('key', 'bytes', 'decides the partition, and what compaction keeps', key?.toString() ?? 'null'),
        leaf('value', 'bytes', "the program's own", value?.toString() ?? 'null'),
        leaf('headers', 'array', 'names and values beside it', `${headers.length} headers`),
      ],
    }));
  } catch (error) {
    return [leaf('records', 'bytes', 'the records cannot be read', messageOf(error))];
  }
}

function decoded({ api, sight }: KeptMessage, frame: Buffer): DetailField[] {
  if (!api) return [];
  try {
    if (!sight.isResponse) {
      const { header, body } = decodeRequest(frame, apiByKey);
      const head = Object.entries(header).map(([name, value]) =>
        leaf(name, 'header', 'of every request', scalarText(value)),
      );
      return [...head, fieldOf(api.name, api.request, api.doc, body)];
    }
    const head = leaf(
      'correlationId',
      'header',
      'of the request that it answers',
      String(sight.correlationId),
    );
    return [head, fieldOf(api.name, api.response, api.doc, decodeResponse(frame, api))];
  } catch (error) {
    return [leaf('unreadable', api.name, 'it cannot be decoded', messageOf(error))];
  }
}

export function detailsOf(message: KeptMessage): MessageDetails {
  const {
    sight: { id, from, to, name, kind, isResponse, bytes },
    api,
  } = message;
  const frame = Buffer.concat(message.chunks);
  const title =
    kind === 'zookeeper' ? name : `${name} ${isResponse ? 'response' : `request, key ${api?.key ?? '?'}`}`;
  return {
    id,
    from,
    to,
    title,
    doc: api?.doc ?? (kind === 'zookeeper' ? 'ZooKeeper' : ''),
    bytes,
    fields: decoded(message, frame),
    hex: frame.subarray(0, MAX_HEX_BYTES).toString('hex'),
  };
}
