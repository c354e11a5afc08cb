/** The output of a decoder whose stream consists of literals and of matches: copies of earlier output. */

/** A buffer of fixed size that is filled from the beginning. Throws an Error if more is appended. */
export class OutputBuffer {
  readonly bytes: Buffer;
  length = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Makes room for `count` bytes and returns where they begin. */
  take(count: number): number {
    const at = this.length;
    if (count > this.bytes.length - at) throw new Error('the stream is longer than it claims');
    this.length += count;
    return at;
  }

  append(from: Buffer, start: number, count: number): void {
    const at = this.take(count);
    from.copy(this.bytes, at, start, start + count);
  }

  /** Throws an Error if it is not filled. */
  whole(): Buffer {
    if (this.length < this.bytes.length) throw new Error('the stream is shorter than it claims');
    return this.bytes;
  }
}

/** Up to so many bytes a loop is faster than a call. */
const SHORT_MATCH = 64;

/** Appends `count` bytes that begin `offset` bytes before the end of the output. They may overlap it. */
export function copyMatch(out: OutputBuffer, offset: number, count: number): void {
  if (offset === 0 || offset > out.length) throw new Error(`a match lies ${offset} bytes back`);
  const at = out.take(count);
  const { bytes } = out;
  if (count <= SHORT_MATCH) {
    for (let i = at; i < at + count; i++) bytes[i] = bytes[i - offset]!;
    return;
  }
  // What has been copied repeats every `offset` bytes, so that each copy may be twice as long as the last.
  for (let copied = 0; copied < count;) {
    const some = Math.min(offset + copied, count - copied);
    bytes.copyWithin(at + copied, at - offset, at - offset + some);
    copied += some;
  }
}
