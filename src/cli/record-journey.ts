/**
 * Generates the page that follows one record from socket to disk. The bytes come from the encoders that
 * brokers and clients use, and are explained field by field, so the page cannot differ from the code.
 */
import { LeaderEpochCheckpoint, OffsetCheckpoint } from '../log/checkpoint-file';
import { LogSegment } from '../log/log-segment';
import { OpenFiles } from '../log/open-files';
import { produce } from '../protocol/messages/produce-fetch';
import { Scanner } from '../protocol/scan';
import { Schema, StructField } from '../protocol/schema';
import { encodeRequest, encodeResponse } from '../protocol/wire';
import { buildBatch } from '../record/batch-builder';
import { BATCH_HEADER_BYTES, RecordBatch } from '../record/record-batch';
import { VarintReader } from '../record/varint';
import { SimDisk } from '../simulation/sim-disk';

const TIMESTAMP_MS = 1_600_000_000_000;
const SEGMENT_BASE = 40;
const LEADER_EPOCH = 3;
const DIRECTORY = '/data/greetings-0';

/** The record of the page. A test sends it to a broker and compares. */
export const journeyRecord = {
  timestamp: TIMESTAMP_MS,
  key: Buffer.from('de'),
  value: Buffer.from('Hallo'),
  headers: [{ key: 'mood', value: Buffer.from(':)') }],
};

interface Row {
  readonly at: number;
  readonly bytes: Buffer;
  readonly name: string;
  readonly meaning: string;
}

const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/../g, '$& ').trim();

function table(rows: readonly Row[]): string[] {
  const shown = (bytes: Buffer) => (bytes.length > 16 ? `${hex(bytes.subarray(0, 12))} …` : hex(bytes));
  return [
    '| at | bytes | field | |',
    '|---|---|---|---|',
    ...rows.map(({ at, bytes, name, meaning }) => `| ${at} | \`${shown(bytes)}\` | ${name} | ${meaning} |`),
    '',
  ];
}

/** Splits `bytes` into fields of fixed width. */
function fixed(
  bytes: Buffer,
  fields: readonly (readonly [name: string, width: number, meaning: string])[],
  from = 0,
): Row[] {
  let at = from;
  return fields.map(([name, width, meaning]) => ({
    at,
    bytes: bytes.subarray(at, (at += width)),
    name,
    meaning,
  }));
}

function batchHeader(bytes: Buffer): Row[] {
  const batch = new RecordBatch(bytes);
  return fixed(bytes, [
    [
      'base offset',
      8,
      batch.baseOffset === 0 ? 'the producer does not know it: 0' : `${batch.baseOffset}: set by the leader`,
    ],
    ['length', 4, `${batch.sizeInBytes - 12} bytes follow`],
    [
      'leader epoch',
      4,
      batch.partitionLeaderEpoch === -1
        ? '-1: not known yet'
        : `${batch.partitionLeaderEpoch}: set by the leader; followers cut their logs by it`,
    ],
    ['magic', 1, '2: the format since Kafka 0.11'],
    ['CRC-32C', 4, 'of everything from here on: what the leader sets lies before it'],
    ['attributes', 2, 'no compression, CreateTime, no transaction'],
    ['last offset delta', 4, 'one record: 0'],
    ['first timestamp', 8, `${TIMESTAMP_MS}: 2020-09-13 12:26:40 UTC`],
    ['max timestamp', 8, 'the same'],
    ['producer id', 8, '-1: not idempotent'],
    ['producer epoch', 2, '-1'],
    ['base sequence', 4, '-1'],
    ['records', 4, '1'],
  ]);
}

function recordRows(bytes: Buffer): Row[] {
  const reader = new VarintReader(bytes, BATCH_HEADER_BYTES, bytes.length);
  const rows: Row[] = [];
  const number = (name: string, meaning: string): number => {
    const at = reader.at;
    const value = reader.next();
    rows.push({
      at,
      bytes: bytes.subarray(at, reader.at),
      name,
      meaning: meaning.replaceAll('%', String(value)),
    });
    return value;
  };
  const text = (name: string, length: number): void => {
    const at = reader.at;
    reader.at += length;
    rows.push({
      at,
      bytes: bytes.subarray(at, reader.at),
      name,
      meaning: `"${bytes.toString('utf8', at, reader.at)}"`,
    });
  };
  number('length', '%, as a zigzag varint: 2 × %');
  rows.push({
    at: reader.at,
    bytes: bytes.subarray(reader.at, ++reader.at),
    name: 'attributes',
    meaning: 'unused',
  });
  number('timestamp delta', '% ms after the first');
  number('offset delta', '%');
  text('key', number('key length', '%'));
  text('value', number('value length', '%'));
  number('headers', '%');
  text('header key', number('header key length', '%'));
  text('header value', number('header value length', '%'));
  return rows;
}

/** Splits a msgpack frame into its fields, by the schema. */
function frameRows(frame: Buffer, head: readonly string[], schema: Schema<unknown>): Row[] {
  const rows: Row[] = [
    { at: 0, bytes: frame.subarray(0, 4), name: 'frame length', meaning: `${frame.length - 4} bytes follow` },
  ];
  const scanner = new Scanner(frame, 4);
  const token = (name: string, meaning: string, move: () => void): void => {
    const at = scanner.at;
    move();
    rows.push({ at, bytes: frame.subarray(at, scanner.at), name, meaning });
  };
  token('array', `${head.length + 1} elements`, () => scanner.arrayLength());
  for (const one of head) {
    const [name = '', meaning = ''] = one.split(': ');
    token(name, meaning, () => (name === 'clientId' ? scanner.skipString(true) : scanner.integer()));
  }
  const walk = (name: string, doc: string, type: Schema<unknown>): void => {
    if (type.kind === 'array') {
      let length = 0;
      token(name, doc, () => {
        length = scanner.arrayLength();
      });
      for (let i = 0; i < length; i++) walk(`${name}[${i}]`, '', type.of);
    } else if (type.kind === 'struct') {
      token(name, `a struct, ${type.fields.length} field${type.fields.length === 1 ? '' : 's'}`, () =>
        scanner.arrayLength(),
      );
      for (const field of type.fields as readonly StructField[]) walk(field.name, field.doc, field.type);
    } else token(name, doc, () => scanner.skip(type));
  };
  walk('body', '', schema);
  return rows;
}

/** Writes two batches into a segment on a disk in memory. Returns the content of the log dir. */
function writeToDisk(): { readonly disk: SimDisk; readonly stored: Buffer; readonly position: number } {
  const disk = new SimDisk(() => TIMESTAMP_MS);
  disk.makeDirectory(DIRECTORY);
  const quiet = { error() {}, warn() {}, info() {}, debug() {}, debugOn: false, child: () => quiet };
  const segment = new LogSegment(
    disk,
    new OpenFiles(disk, 10),
    DIRECTORY,
    SEGMENT_BASE,
    { indexIntervalBytes: 0, maxIndexBytes: 1000 },
    quiet,
    TIMESTAMP_MS,
  );
  const batches = [
    buildBatch([{ timestamp: TIMESTAMP_MS - 1000, value: Buffer.from('the one before') }]),
    buildBatch([journeyRecord]),
  ];
  let position = 0;
  for (const [i, bytes] of batches.entries()) {
    const batch = new RecordBatch(bytes);
    batch.setBaseOffset(SEGMENT_BASE + i);
    batch.setPartitionLeaderEpoch(LEADER_EPOCH);
    position = segment.size;
    segment.append([batch]);
  }
  segment.onBecomeInactive();
  new LeaderEpochCheckpoint(disk, DIRECTORY).write([
    { epoch: 0, startOffset: 0 },
    { epoch: LEADER_EPOCH, startOffset: SEGMENT_BASE },
  ]);
  const tp = { topic: 'greetings', partition: 0 };
  new OffsetCheckpoint(disk, '/data/recovery-point-offset-checkpoint').write([
    { ...tp, offset: SEGMENT_BASE },
  ]);
  new OffsetCheckpoint(disk, '/data/replication-offset-checkpoint').write([
    { ...tp, offset: SEGMENT_BASE + 2 },
  ]);
  return { disk, stored: batches[1]!, position };
}

function contents(disk: SimDisk, path: string): Buffer {
  const bytes = Buffer.alloc(disk.stat(path).size);
  disk.open(path, 'read').read(bytes, 0);
  return bytes;
}

function text(disk: SimDisk, path: string): string[] {
  return ['```', ...disk.readText(path).trimEnd().split('\n'), '```', ''];
}

export function recordJourney(note: string): string {
  const sent = buildBatch([journeyRecord]);
  const request = Buffer.concat(
    encodeRequest(produce, 7, 'shop', {
      acks: -1,
      timeoutMs: 30000,
      topicData: [{ name: 'greetings', partitionData: [{ index: 0, records: [sent] }] }],
    }),
  );
  const { disk, stored, position } = writeToDisk();
  const row = {
    index: 0,
    errorCode: 0,
    baseOffset: SEGMENT_BASE + 1,
    logAppendTimeMs: -1,
    logStartOffset: 0,
    errorMessage: null,
  };
  const response = Buffer.concat(
    encodeResponse(produce, 7, { responses: [{ name: 'greetings', partitionResponses: [row] }] }),
  );
  const file = (suffix: string) => `${DIRECTORY}/${String(SEGMENT_BASE).padStart(20, '0')}${suffix}`;
  const index = contents(disk, file('.index'));
  const timeIndex = contents(disk, file('.timeindex'));
  return [
    note,
    '# One record, from socket to disk',
    '',
    'Key `de`, value `Hallo`, one header `mood`, for partition 0 of the topic `greetings`, sent with ' +
      'acks=all. Every byte below is made by the code that',
    'makes it in a client and in a broker; a test sends the same record to a broker and compares.',
    '',
    '## 1. The producer makes a batch',
    '',
    '`src/record/batch-builder.ts`: a header of 61 bytes, then the records. A batch is what is compressed, ' +
      'checked, appended, replicated and read; a record alone never is.',
    '',
    ...table([...batchHeader(sent), ...recordRows(sent)]),
    '## 2. The request',
    '',
    '`src/protocol/wire.ts`: a length and one msgpack array. The batch lies in it as it is and is not ' +
      'copied.',
    '',
    ...table(
      frameRows(
        request,
        [
          'apiKey: Produce',
          'apiVersion: 0',
          'correlationId: comes back in the response',
          'clientId: the name of the client',
        ],
        produce.request as Schema<unknown>,
      ),
    ),
    '## 3. The leader takes it',
    '',
    '`src/network/socket-server.ts` puts the frame together; `src/protocol/scan.ts` checks every token ' +
      'against the schema before anything is decoded; `src/broker/handlers/produce.ts`',
    'finds the partition, and `src/broker/partition.ts` refuses what it does not lead, or ' +
      'NOT_ENOUGH_REPLICAS. `src/log/log-validator.ts` walks the batch: CRC, offset deltas, timestamps, ' +
      'size.',
    'Then `src/log/log.ts` writes into the batch what only the leader knows, and nothing else. The CRC ' +
      'begins behind these fields and stays right:',
    '',
    ...table([batchHeader(stored)[0]!, batchHeader(stored)[2]!]),
    '## 4. The log directory',
    '',
    `One write appends the ${stored.length} bytes at position ${position} of \`${file('.log')}\`; the file ` +
      `is named after the first offset in it. Only then the log end moves to ${SEGMENT_BASE + 2}. ` +
      'The write is in the page cache, not on the platter: that other brokers have it too is what keeps it ' +
      '(`flush.messages` and `flush.ms` would force it).',
    '',
    '`.index`: offset, less the base of the segment, and position; an entry each `index.interval.bytes`, ' +
      'here set to 0. It names the last offset of a batch and where that batch begins:',
    '',
    ...table(
      fixed(index, [
        ['relative offset', 4, `1: offset ${SEGMENT_BASE + 1}`],
        ['position', 4, String(position)],
      ]),
    ),
    '`.timeindex`: up to that offset no record is later than that timestamp:',
    '',
    ...table(
      fixed(timeIndex, [
        ['timestamp', 8, String(TIMESTAMP_MS)],
        ['relative offset', 4, '1'],
      ]),
    ),
    '`leader-epoch-checkpoint`: version, number of lines, then where each leader epoch begins. A new epoch ' +
      'adds a line with its first record:',
    '',
    ...text(disk, `${DIRECTORY}/leader-epoch-checkpoint`),
    '`recovery-point-offset-checkpoint`, one for the whole log dir: below it everything is on the platter; ' +
      'after a crash, what lies above',
    'is read batch by batch and checked (`src/log/segment-recovery.ts`):',
    '',
    ...text(disk, '/data/recovery-point-offset-checkpoint'),
    '## 5. The followers',
    '',
    'Their `src/broker/replica-fetcher.ts` asks for everything from their log end on, gets these very ' +
      'bytes and appends them as they are. The next fetch asks from 42 on, and that is the acknowledgement:',
    '`src/broker/partition-state.ts` moves the high watermark to the smallest log end of the in-sync ' +
      'replicas, the request that waited in `src/broker/purgatory.ts` is answered, and consumers may see ' +
      'the ' +
      'record.',
    'Every five seconds the high watermark goes to `replication-offset-checkpoint`:',
    '',
    ...text(disk, '/data/replication-offset-checkpoint'),
    '## 6. The answer',
    '',
    ...table(frameRows(response, ['correlationId: of the request'], produce.response as Schema<unknown>)),
    '## See it yourself',
    '',
    '```',
    './scripts/cluster up',
    `echo 'de:Hallo' | bin/samsa console-producer --zookeeper localhost:2191 --topic greetings --property ` +
      `parse.key=true --property key.separator=:`,
    'bin/samsa dump-log --print-data-log --files ' +
      '.samsa/cluster/broker-*/logs/greetings-0/00000000000000000000.log',
    '```',
    '',
    "Kafka's own `kafka-dump-log.sh` prints the same.",
    '',
  ].join('\n');
}
