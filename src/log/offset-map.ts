/**
 * The last offset of each key, in a fixed piece of memory: a hash of the key (MD5, 16 bytes) and an offset (8 bytes) a slot.
 *
 * Keys are not stored, as in Kafka: two keys with one MD5 would be taken for one. Invariant: it never grows; when it is
 * full, whoever fills it stops and cleans what is in it.
 *
 * [p] Kafka: log/OffsetMap.scala#SkimpyOffsetMap@2.8.2
 */
import { createHash } from 'node:crypto';
import { readInt64, writeInt64 } from '../record/record-batch';

const HASH_BYTES = 16;
const SLOT_BYTES = 24;
const LOAD_FACTOR = 0.9;

export class OffsetMap {
  private readonly bytes: Buffer;
  private readonly slots: number;
  private used = 0;
  /** The highest offset put. */
  latestOffset = -1;

  /** Room for `keys` keys, but no more than `maxBytes`. */
  constructor(keys: number, maxBytes: number) {
    this.slots = Math.max(2, Math.floor(Math.min(maxBytes, Math.ceil(keys / LOAD_FACTOR + 1) * SLOT_BYTES) / SLOT_BYTES));
    this.bytes = Buffer.alloc(this.slots * SLOT_BYTES);
  }

  get size(): number { return this.used; }
  get isFull(): boolean { return this.used >= this.slots * LOAD_FACTOR; }

  private slotOf(hash: Buffer): { at: number; found: boolean } {
    for (let i = hash.readUInt32LE(0) % this.slots; ; i = (i + 1) % this.slots) {
      const at = i * SLOT_BYTES;
      if (readInt64(this.bytes, at + HASH_BYTES) === 0) return { at, found: false };
      if (this.bytes.compare(hash, 0, HASH_BYTES, at, at + HASH_BYTES) === 0) return { at, found: true };
    }
  }

  put(key: Buffer, offset: number): void {
    const hash = createHash('md5').update(key).digest();
    const { at, found } = this.slotOf(hash);
    if (!found) {
      hash.copy(this.bytes, at);
      this.used++;
    }
    // Stored plus one: an empty slot is all zeros.
    writeInt64(this.bytes, offset + 1, at + HASH_BYTES);
    this.latestOffset = Math.max(this.latestOffset, offset);
  }

  /** The offset last put for the key, or -1. */
  get(key: Buffer): number {
    const { at, found } = this.slotOf(createHash('md5').update(key).digest());
    return found ? readInt64(this.bytes, at + HASH_BYTES) - 1 : -1;
  }
}
