/**
 * The last offset of each key, in a fixed piece of memory: a hash of the key (MD5, 16 bytes) and an offset (8 bytes) a slot.
 * Beside it a bit for each offset says whether a later one has taken its key, so that what was put need not be hashed again.
 *
 * Keys are not stored, as in Kafka: two keys with one MD5 would be taken for one. Invariant: it never grows; when it is
 * full, whoever fills it stops and cleans what is in it.
 *
 * [p] Kafka: log/OffsetMap.scala#SkimpyOffsetMap@2.8.2; the bits are ours
 */
import * as crypto from 'node:crypto';

/** A slot: four words of hash, then the offset as a double. */
const SLOT_BYTES = 24;
const SLOT_WORDS = SLOT_BYTES / 4;
const SLOT_DOUBLES = SLOT_BYTES / 8;
const LOAD_FACTOR = 0.9;
/** Offsets without a bit are looked up: the bits may take a third of what the slots take. */
const BITS_PER_SLOT = 64;

/** MD5 as 16 characters: many times faster than a Hash object a key, where Node has it (20.12 and later). */
const md5: (key: Buffer) => string = typeof crypto.hash === 'function'
  ? (key) => crypto.hash('md5', key, 'binary')
  : (key) => crypto.createHash('md5').update(key).digest('binary');

export class OffsetMap {
  private readonly words: Int32Array;
  /** Offsets plus one: an empty slot is all zeros. */
  private readonly doubles: Float64Array;
  private readonly slots: number;
  private readonly superseded: Uint8Array;
  private used = 0;
  /** The highest offset put. */
  latestOffset = -1;
  private readonly hashBytes = Buffer.alloc(16);
  private readonly hash = new Int32Array(this.hashBytes.buffer, this.hashBytes.byteOffset, 4);

  /** For offsets from `firstOffset` on; room for `keys` keys, but no more than `maxBytes`. */
  constructor(private readonly firstOffset: number, keys: number, maxBytes: number) {
    this.slots = Math.max(2, Math.floor(Math.min(maxBytes, Math.ceil(keys / LOAD_FACTOR + 1) * SLOT_BYTES) / SLOT_BYTES));
    this.doubles = new Float64Array(this.slots * SLOT_DOUBLES);
    this.words = new Int32Array(this.doubles.buffer);
    this.superseded = new Uint8Array(Math.ceil(Math.min(keys, this.slots * BITS_PER_SLOT) / 8));
  }

  get size(): number { return this.used; }
  get isFull(): boolean { return this.used >= this.slots * LOAD_FACTOR; }

  /** The slot of the key, or the empty one where it belongs. */
  private slotOf(key: Buffer): number {
    this.hashBytes.write(md5(key), 'latin1');
    const { words, doubles, slots } = this;
    const [a, b, c, d] = [this.hash[0]!, this.hash[1]!, this.hash[2]!, this.hash[3]!];
    for (let slot = Math.floor((a >>> 0) / 2 ** 32 * slots); ; slot = slot + 1 === slots ? 0 : slot + 1) {
      const at = slot * SLOT_WORDS;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
      if (doubles[slot * SLOT_DOUBLES + 2] === 0) return slot;
    }
  }

  put(key: Buffer, offset: number): void {
    const slot = this.slotOf(key);
    const before = this.doubles[slot * SLOT_DOUBLES + 2]! - 1;
    if (before < 0) {
      this.words.set(this.hash, slot * SLOT_WORDS);
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
  get(key: Buffer): number {
    return this.doubles[this.slotOf(key) * SLOT_DOUBLES + 2]! - 1;
  }

  /** Whether an offset that was put is its key's last; undefined where there is no bit for it, and `get` has to tell. */
  isLatest(offset: number): boolean | undefined {
    const bit = offset - this.firstOffset;
    if (bit < 0 || bit >= this.superseded.length * 8) return undefined;
    return (this.superseded[bit >>> 3]! & (1 << (bit & 7))) === 0;
  }
}
