/**
 * The last offset of each key, for the cleaner, in a fixed amount of memory. A slot has a hash of the key
 * (MD5, 16 bytes) and an offset (8 bytes). In addition there is one bit per offset which tells whether a
 * later record has the same key, so that pass two of the cleaner need not hash the keys again.
 *
 * Keys are not stored, as in Kafka: two keys with the same MD5 would count as one.
 *
 * Invariant: the map never grows. When it is full, the cleaner stops reading and cleans the part it has read.
 *
 * [p] Kafka: log/OffsetMap.scala#SkimpyOffsetMap@2.8.2; the bits are ours
 */
import { Md5 } from './md5';

/** A slot: four words of hash, then the offset as a double. */
const SLOT_BYTES = 24;
const SLOT_WORDS = SLOT_BYTES / 4;
const SLOT_DOUBLES = SLOT_BYTES / 8;
const LOAD_FACTOR = 0.9;
/**
 * The bits may take a third of the memory of the slots. Offsets beyond them have no bit and are looked up by
 * key.
 */
const BITS_PER_SLOT = 64;

export class OffsetMap {
  private readonly words: Int32Array;
  /** The slots' offsets plus one, because an empty slot is all zeros. */
  private readonly doubles: Float64Array;
  private readonly slots: number;
  private readonly superseded: Uint8Array;
  private used = 0;
  /** The highest offset in the map. */
  latestOffset = -1;
  private readonly md5 = new Md5();

  /** For offsets from `firstOffset` on, with room for `keys` keys, but at most `maxBytes` for the slots. */
  constructor(
    private readonly firstOffset: number,
    keys: number,
    maxBytes: number,
  ) {
    this.slots = Math.max(
      2,
      Math.floor(Math.min(maxBytes, Math.ceil(keys / LOAD_FACTOR + 1) * SLOT_BYTES) / SLOT_BYTES),
    );
    this.doubles = new Float64Array(this.slots * SLOT_DOUBLES);
    this.words = new Int32Array(this.doubles.buffer);
    this.superseded = new Uint8Array(Math.ceil(Math.min(keys, this.slots * BITS_PER_SLOT) / 8));
  }

  get size(): number {
    return this.used;
  }
  get isFull(): boolean {
    return this.used >= this.slots * LOAD_FACTOR;
  }

  /** The slot of the key (`length` bytes from `start` on), or the empty slot where it belongs. */
  private slotOf(bytes: Buffer, start: number, length: number): number {
    const { words, doubles, slots } = this;
    this.md5.digest(bytes, start, length);
    const hash = this.md5.words;
    const a = hash[0]!;
    for (let slot = Math.floor(((a >>> 0) / 2 ** 32) * slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const at = slot * SLOT_WORDS;
      if (
        words[at] === a &&
        words[at + 1] === hash[1] &&
        words[at + 2] === hash[2] &&
        words[at + 3] === hash[3]
      )
        return slot;
      if (doubles[slot * SLOT_DOUBLES + 2] === 0) return slot;
    }
  }

  /** Stores `offset` as the last one of the key, which is `length` bytes from `start` on. */
  put(offset: number, bytes: Buffer, start = 0, length = bytes.length): void {
    const slot = this.slotOf(bytes, start, length);
    const before = this.doubles[slot * SLOT_DOUBLES + 2]! - 1;
    if (before < 0) {
      this.words.set(this.md5.words, slot * SLOT_WORDS);
      this.used++;
    } else this.supersede(before);
    this.doubles[slot * SLOT_DOUBLES + 2] = offset + 1;
    this.latestOffset = Math.max(this.latestOffset, offset);
  }

  private supersede(offset: number): void {
    const bit = offset - this.firstOffset;
    if (bit >= 0 && bit < this.superseded.length * 8) this.superseded[bit >>> 3]! |= 1 << (bit & 7);
  }

  /** The last offset of the key, or -1. */
  get(bytes: Buffer, start = 0, length = bytes.length): number {
    return this.doubles[this.slotOf(bytes, start, length) * SLOT_DOUBLES + 2]! - 1;
  }

  /**
   * Whether the record at `offset` is the last one of its key; undefined if the offset has no bit. Then `get`
   * can tell.
   */
  isLatest(offset: number): boolean | undefined {
    const bit = offset - this.firstOffset;
    if (bit < 0 || bit >= this.superseded.length * 8) return undefined;
    return (this.superseded[bit >>> 3]! & (1 << (bit & 7))) === 0;
  }
}
