/**
 * Checkpoint files, as text: a version, the number of rows, then one row per line with fields separated by a
 * space.
 *
 * A file is replaced as a whole, so that a reader sees the old or the new content. An empty file counts as
 * one without rows.
 *
 * Kafka: server/checkpoints/{CheckpointFile,OffsetCheckpointFile,LeaderEpochCheckpointFile}.scala@2.8.2
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { Disk } from '../common/host';

const VERSION = '0';

function format(rows: readonly string[]): string {
  return [VERSION, String(rows.length), ...rows, ''].join('\n');
}

/** The rows of a checkpoint, split into fields. Throws an Error that names the file if it is malformed. */
function parse(path: string, text: string): string[][] {
  if (text.length === 0) return [];
  const lines = text.split('\n');
  if (lines[0]?.trim() !== VERSION)
    throw new Error(`Malformed checkpoint ${path}: unrecognized version '${lines[0]}'`);
  if (!/^\d+$/.test(lines[1]?.trim() ?? ''))
    throw new Error(`Malformed checkpoint ${path}: no count in its second line`);
  // A power failure may leave a part of the file, and a part of the last number looks valid.
  if (lines.at(-1) !== '') throw new Error(`Malformed checkpoint ${path}: its last line is not whole`);
  const count = Number(lines[1]);
  const rows = lines
    .slice(2)
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/));
  if (count !== rows.length) {
    throw new Error(`Malformed checkpoint ${path}: expected ${lines[1]} entries, found ${rows.length}`);
  }
  return rows;
}

function wholeNumber(path: string, text: string | undefined): number {
  const number = /^-?\d+$/.test(text ?? '') ? Number(text) : NaN;
  if (!Number.isSafeInteger(number))
    throw new Error(`Malformed checkpoint ${path}: '${text}' is not a number`);
  return number;
}

/**
 * An integer in [0, 2^bits): a leader epoch (31 bits, because it is an int32 in the protocol) or an offset
 * (53 bits).
 */
function countedFrom0(path: string, text: string | undefined, bits: 31 | 53): number {
  const number = wholeNumber(path, text);
  if (number >= 0 && number < 2 ** bits) return number;
  throw new Error(`Malformed checkpoint ${path}: ${number} is out of range`);
}

export interface OffsetEntry extends TopicPartition {
  readonly offset: number;
}

/**
 * Rows `topic partition offset` for all logs of a log dir: recovery points, high watermarks, log start
 * offsets, or the cleaner's first dirty offsets.
 */
export class OffsetCheckpoint {
  constructor(
    private readonly disk: Disk,
    readonly path: string,
  ) {}

  /**
   * The offsets by `topic-partition`. Empty if the file does not exist; throws an Error if it is malformed.
   */
  read(): Map<string, number> {
    if (!this.disk.exists(this.path)) return new Map();
    const rows = parse(this.path, this.disk.readText(this.path));
    return new Map(
      rows.map(([topic, partition, offset]) => {
        const tp = { topic: topic ?? '', partition: wholeNumber(this.path, partition) };
        return [tpName(tp), wholeNumber(this.path, offset)];
      }),
    );
  }

  write(entries: readonly OffsetEntry[]): void {
    const rows = entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`);
    this.disk.replace(this.path, format(rows), { durable: true });
  }
}

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

/**
 * Rows `epoch startOffset` for one log. A change is not fsynced at once. Instead `sync` makes the file
 * durable before the recovery point is raised, and recovery rebuilds the entries above the recovery point
 * from the batches.
 */
export class LeaderEpochCheckpoint {
  readonly path: string;
  private writes = 0;
  private durableWrites = -1;

  constructor(
    private readonly disk: Disk,
    readonly directory: string,
  ) {
    this.path = `${directory}/leader-epoch-checkpoint`;
  }

  read(): EpochEntry[] {
    if (!this.disk.exists(this.path)) return [];
    return parse(this.path, this.disk.readText(this.path)).map(([epoch, offset]) => ({
      epoch: countedFrom0(this.path, epoch, 31),
      startOffset: countedFrom0(this.path, offset, 53),
    }));
  }

  write(entries: readonly EpochEntry[]): void {
    const rows = entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`);
    this.disk.replace(this.path, format(rows), { durable: false });
    this.writes++;
  }

  /** Makes the content durable. The name of the file becomes durable with the next sync of the directory. */
  async sync(): Promise<void> {
    const { writes } = this;
    if (this.durableWrites === writes || !this.disk.exists(this.path)) return;
    const file = this.disk.open(this.path, 'write');
    try {
      await file.sync();
    } finally {
      file.close();
    }
    this.durableWrites = writes;
  }
}
