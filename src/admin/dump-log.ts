/**
 * The output of `samsa dump-log` for segment, index and checkpoint files, in the format of Kafka's tool.
 *
 * Kafka: tools/DumpLogSegments.scala@2.8.2
 */
import { Disk } from '../common/host';
import {
  BATCH_HEADER_BYTES,
  headerProblem,
  readInt64,
  RecordBatch,
  TIMESTAMP_TYPE_MASK,
} from '../record/record-batch';
import { Record, recordsOf } from '../record/record';

export interface DumpOptions {
  readonly printDataLog: boolean;
  readonly deepIteration: boolean;
}

const CODECS = ['NONE', 'GZIP', 'SNAPPY', 'LZ4', 'ZSTD'];

/**
 * Prints the file. Returns whether all of it is valid. Throws an Error that explains if the file is not of a
 * known kind.
 */
export function dumpFile(
  disk: Disk,
  path: string,
  options: DumpOptions,
  print: (line: string) => void,
): boolean {
  print(`Dumping ${path}`);
  if (path.endsWith('.log')) return dumpLog(disk, path, options, print);
  if (path.endsWith('.index'))
    return dumpIndex(
      disk,
      path,
      8,
      print,
      (entry, base) => `offset: ${base + entry.readInt32BE(0)} position: ${entry.readInt32BE(4)}`,
    );
  if (path.endsWith('.timeindex'))
    return dumpIndex(
      disk,
      path,
      12,
      print,
      (entry, base) => `timestamp: ${readInt64(entry, 0)} offset: ${base + entry.readInt32BE(8)}`,
    );
  throw new Error(`Ignoring unknown file ${path}`);
}

function baseOffsetOf(path: string): number {
  return Number(/(\d{20})\.[a-z]+$/.exec(path)?.[1] ?? 0);
}

function dumpIndex(
  disk: Disk,
  path: string,
  entryBytes: number,
  print: (line: string) => void,
  show: (entry: Buffer, base: number) => string,
): boolean {
  const file = disk.open(path, 'read');
  const size = file.size();
  const entry = Buffer.alloc(entryBytes);
  for (let at = 0; at + entryBytes <= size; at += entryBytes) {
    file.read(entry, at);
    print(show(entry, baseOffsetOf(path)));
  }
  file.close();
  if (size % entryBytes === 0) return true;
  print(`Index file ${path} is corrupt: ${size} bytes are no multiple of ${entryBytes}`);
  return false;
}

function dumpLog(disk: Disk, path: string, options: DumpOptions, print: (line: string) => void): boolean {
  const file = disk.open(path, 'read');
  const size = file.size();
  print(`Starting offset: ${baseOffsetOf(path)}`);
  let position = 0;
  let sound = true;
  while (position < size && sound) {
    const header = Buffer.alloc(Math.min(BATCH_HEADER_BYTES, size - position));
    file.read(header, position);
    const declared = header.length === BATCH_HEADER_BYTES ? new RecordBatch(header).sizeInBytes : 0;
    const bytes = Buffer.alloc(Math.max(0, Math.min(declared, size - position)));
    file.read(bytes, position);
    const problem = headerProblem(bytes, 0);
    if (problem !== undefined) {
      print(`Found ${size - position} invalid bytes at the end of ${path.split('/').at(-1)}: ${problem}`);
      sound = false;
      break;
    }
    const batch = new RecordBatch(bytes);
    sound = batch.crc === batch.computeCrc();
    print(showBatch(batch, position, sound));
    if (sound && (options.printDataLog || options.deepIteration))
      for (const record of recordsOf(batch)) print(showRecord(record, batch, options.printDataLog));
    position += batch.sizeInBytes;
  }
  file.close();
  return sound;
}

function timestampType(batch: RecordBatch): string {
  return (batch.attributes & TIMESTAMP_TYPE_MASK) !== 0 ? 'LogAppendTime' : 'CreateTime';
}

function showBatch(batch: RecordBatch, position: number, isValid: boolean): string {
  return (
    `baseOffset: ${batch.baseOffset} lastOffset: ${batch.lastOffset} count: ${batch.recordCount} ` +
    `baseSequence: ${batch.baseSequence} ` +
    `lastSequence: ${batch.baseSequence < 0 ? -1 : batch.baseSequence + batch.lastOffsetDelta} producerId: ` +
    `${batch.producerId} producerEpoch: ${batch.producerEpoch} ` +
    `partitionLeaderEpoch: ${batch.partitionLeaderEpoch} isTransactional: ${batch.isTransactional} ` +
    `isControl: ${batch.isControl} position: ${position} ` +
    `${timestampType(batch)}: ${batch.maxTimestamp} size: ${batch.sizeInBytes} magic: ${batch.magic} ` +
    `compresscodec: ${CODECS[batch.compression] ?? batch.compression} ` +
    `crc: ${batch.crc} isvalid: ${isValid}`
  );
}

function showRecord(record: Record, batch: RecordBatch, printData: boolean): string {
  const head =
    `| offset: ${record.offset} ${timestampType(batch)}: ${record.timestamp} keysize: ` +
    `${record.key?.length ?? -1} valuesize: ${record.value?.length ?? -1} ` +
    `sequence: ${batch.baseSequence < 0 ? -1 : batch.baseSequence + record.offset - batch.baseOffset} ` +
    `headerKeys: [${record.headers.map((header) => header.key).join(',')}]`;
  if (!printData) return head;
  return (
    head +
    (record.key ? ` key: ${record.key.toString()}` : '') +
    (record.value ? ` payload: ${record.value.toString()}` : '')
  );
}
