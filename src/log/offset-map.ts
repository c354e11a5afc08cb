/**
 * The last offset of each key, in a fixed piece of memory: a hash of the key (MD5, 16 bytes) and an offset (8 bytes) a slot.
 * Beside it a bit for each offset says whether a later one has taken its key, so that what was put need not be hashed again.
 *
 * Keys are not stored, as in Kafka: two keys with one MD5 would be taken for one. Invariant: it never grows; when it is
 * full, whoever fills it stops and cleans what is in it.
 *
 * [p] Kafka: log/OffsetMap.scala#SkimpyOffsetMap@2.8.2; the bits are ours
 */
import { Md5 } from './md5';

/** A slot: four words of hash, then the offset as a double. */
const SLOT_BYTES = 24;
const SLOT_WORDS = SLOT_BYTES / 4;
const SLOT_DOUBLES = SLOT_BYTES / 8;
const LOAD_FACTOR = 0.9;
/** Offsets without a bit are looked up: the bits may take a third of what the slots take. */
const BITS_PER_SLOT = 64;

export class OffsetMap {
  private readonly words: Int32Array;
  /** Offsets plus one: an empty slot is all zeros. */
  private readonly doubles: Float64Array;
  private readonly slots: number;
  private readonly superseded: Uint8Array;
  private used = 0;
  /** The highest offset put. */
  latestOffset = -1;
  private readonly md5 = new Md5();

  /** For offsets from `firstOffset` on; room for `keys` keys, but no more than `maxBytes`. */
  constructor(private readonly firstOffset: number, keys: number, maxBytes: number) {
    this.slots = Math.max(2, Math.floor(Math.min(maxBytes, Math.ceil(keys / LOAD_FACTOR + 1) * SLOT_BYTES) / SLOT_BYTES));
    this.doubles = new Float64Array(this.slots * SLOT_DOUBLES);
    this.words = new Int32Array(this.doubles.buffer);
    this.superseded = new Uint8Array(Math.ceil(Math.min(keys, this.slots * BITS_PER_SLOT) / 8));
  }

  get size(): number { return this.used; }
  get isFull(): boolean { return this.used >= this.slots * LOAD_FACTOR; }

  /** The slot of the key, `length` bytes from `start` on, or the empty one where it belongs. */
  private slotOf(bytes: Buffer, start: number, length: number): number {
    const { words, doubles, slots } = this;
    this.md5.digest(bytes, start, length);
    const hash = this.md5.words;
    const a = hash[0]!;
    for (let slot = Math.floor((a >>> 0) / 2 ** 32 * slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const at = slot * SLOT_WORDS;
      if (words[at] === a && words[at + 1] === hash[1] && words[at + 2] === hash[2] && words[at + 3] === hash[3]) return slot;
      if (doubles[slot * SLOT_DOUBLES + 2] === 0) return slot;
    }
  }

  /** The key is `length` bytes from `start` on. */
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

  /** The offset last put for the key, or -1. */
  get(bytes: Buffer, start = 0, length = bytes.length): number {
    return this.doubles[this.slotOf(bytes, start, length) * SLOT_DOUBLES + 2]! - 1;
  }

  /** Whether an offset that was put is its key's last; undefined where there is no bit for it, and `get` has to tell. */
  isLatest(offset: number): boolean | undefined {
    const bit = offset - this.firstOffset;
    if (bit < 0 || bit >= this.superseded.length * 8) return undefined;
    return (this.superseded[bit >>> 3]! & (1 << (bit & 7))) === 0;
  }
}
