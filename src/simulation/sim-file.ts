/**
 * The bytes of a simulated file, and which of them survive a power cut.
 */
import { Prng } from './prng';

/** An fsync in progress. */
export interface PendingSync {
  /** The device confirms: the bytes at the time of the call that were not changed since are durable. */
  arrived(): void;
}

export class SimFile {
  data: Buffer = Buffer.alloc(0);
  size = 0;
  /** The number of bytes from the start that survive a power cut. */
  durable = 0;
  modifiedMs = 0;
  /** For each fsync in progress: the end of the bytes that were not changed since its call. */
  private readonly syncing = new Set<{ upTo: number }>();

  reserve(size: number): void {
    if (size <= this.data.length) return;
    const grown = Buffer.alloc(Math.max(1024, size, this.data.length * 2));
    this.data.copy(grown, 0, 0, this.size);
    this.data = grown;
  }

  setText(text: string): void {
    this.data = Buffer.from(text);
    this.size = this.data.length;
  }

  text(): string {
    return this.data.toString('utf8', 0, this.size);
  }

  /** Bytes from `position` on were written or truncated. */
  changedFrom(position: number): void {
    this.durable = Math.min(this.durable, position);
    for (const sync of this.syncing) sync.upTo = Math.min(sync.upTo, position);
  }

  beginSync(): PendingSync {
    const sync = { upTo: this.size };
    this.syncing.add(sync);
    return {
      arrived: () => {
        this.syncing.delete(sync);
        this.durable = Math.max(this.durable, sync.upTo);
      },
    };
  }

  powerCut(random: Prng): void {
    this.syncing.clear();
    const loose = this.size - this.durable;
    if (loose <= 0) return;
    this.size = this.durable + (random.chance(0.3) ? 0 : random.below(loose + 1));
    if (this.size > this.durable && random.chance(0.3)) {
      this.data[this.size - 1 - random.below(Math.min(16, this.size - this.durable))]! ^= 0x55;
    }
    this.durable = this.size;
  }
}
