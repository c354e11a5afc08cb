/**
 * Where the logs of a broker begin and end, read from its files as they are on the disk: segments, leader
 * epochs, checkpoints. Only reads; the broker that writes them knows nothing of it.
 *
 * What is asked again and again is read on from where it was read to: the headers of batches that were
 * appended. A file that became shorter was truncated, and is read from its start.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { TopicPartition } from '../../../src/common/cluster-types';

/** Offset, length of what follows, leader epoch, magic, CRC, attributes, last offset's delta. */
const HEAD_BYTES = 27;
const LENGTH_AT = 8;
const DELTA_AT = 23;
const BEFORE_LENGTH = 12;
/** More batches than this in one look block whoever else waits. */
const MAX_BATCHES = 20_000;

export interface LogPositions {
  readonly logStart: number;
  readonly logEnd: number;
  readonly epochs: readonly (readonly [epoch: number, start: number])[];
  readonly segments: readonly number[];
}

interface Segment {
  readonly base: number;
  /** Up to here its batches were read. */
  position: number;
  nextOffset: number;
  /** The last batch that was read, and where: another one there means that the log was truncated. */
  lastHead: Buffer | undefined;
  lastAt: number;
}

const segmentFrom = (base: number): Segment => ({
  base,
  position: 0,
  nextOffset: base,
  lastHead: undefined,
  lastAt: 0,
});

/** `topic-3` as topic and partition; undefined: it is no log. */
export function partitionOfFolder(name: string): TopicPartition | undefined {
  const [, topic, partition] = /^(.+)-(\d+)$/.exec(name) ?? [];
  return topic === undefined || /-delete$|-future$/.test(name)
    ? undefined
    : { topic, partition: Number(partition) };
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Version, number of rows, then the rows. A file that is being replaced may be missing or short. */
function rowsOf(text: string): string[][] {
  const [, , ...rows] = text.trim().split('\n');
  return rows.map((row) => row.trim().split(' ')).filter((row) => row.length >= 2);
}

/** Offsets of a checkpoint file of a log dir, by `topic-partition`. */
export function checkpointOf(logDir: string, name: string): Map<string, number> {
  const rows = rowsOf(readText(path.join(logDir, name)));
  return new Map(
    rows.flatMap(([topic, partition, offset]) =>
      Number.isSafeInteger(Number(offset)) ? [[`${topic}-${partition}`, Number(offset)] as const] : [],
    ),
  );
}

function epochsOf(folder: string): LogPositions['epochs'] {
  return rowsOf(readText(path.join(folder, 'leader-epoch-checkpoint')))
    .map(([epoch, start]) => [Number(epoch), Number(start)] as const)
    .filter(([epoch, start]) => Number.isSafeInteger(epoch) && Number.isSafeInteger(start));
}

function isTruncated(fd: number, size: number, { position, lastHead, lastAt }: Segment): boolean {
  if (size < position) return true;
  if (!lastHead) return false;
  const head = Buffer.alloc(HEAD_BYTES);
  fs.readSync(fd, head, 0, HEAD_BYTES, lastAt);
  return !head.equals(lastHead);
}

function readOn(file: string, segment: Segment): void {
  const head = Buffer.alloc(HEAD_BYTES);
  const fd = fs.openSync(file, 'r');
  try {
    const { size } = fs.fstatSync(fd);
    if (isTruncated(fd, size, segment)) Object.assign(segment, segmentFrom(segment.base));
    for (let i = 0; i < MAX_BATCHES; i++) {
      if (fs.readSync(fd, head, 0, HEAD_BYTES, segment.position) < HEAD_BYTES) return;
      const end = segment.position + BEFORE_LENGTH + head.readInt32BE(LENGTH_AT);
      const next = Number(head.readBigInt64BE(0)) + head.readInt32BE(DELTA_AT) + 1;
      // Not all of it is written yet, or it is no batch.
      if (end > size || end <= segment.position || next < segment.nextOffset) return;
      segment.lastHead = Buffer.from(head);
      segment.lastAt = segment.position;
      segment.position = end;
      segment.nextOffset = next;
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** One log; keep it, and ask it again. */
export class LogFolder {
  private last: Segment | undefined;

  constructor(readonly folder: string) {}

  /** Undefined: there is no log. */
  positions(): LogPositions | undefined {
    let names: string[];
    try {
      names = fs.readdirSync(this.folder);
    } catch {
      return undefined;
    }
    const segments = names
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => Number(name.slice(0, 20)))
      .sort((a, b) => a - b);
    const base = segments.at(-1);
    if (base === undefined) return undefined;
    if (this.last?.base !== base) this.last = segmentFrom(base);
    try {
      readOn(path.join(this.folder, `${String(base).padStart(20, '0')}.log`), this.last);
    } catch {
      // It was deleted or renamed just now: the next look finds another.
    }
    const { nextOffset: logEnd } = this.last;
    return { logStart: segments[0]!, logEnd, epochs: epochsOf(this.folder), segments };
  }
}
