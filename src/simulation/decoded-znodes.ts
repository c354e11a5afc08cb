/**
 * A cache of decoded znodes: the checks read the same state after nearly every action.
 */
export class DecodedZnodes<T> {
  private readonly known = new Map<
    string,
    { readonly data: Buffer; readonly version: number; readonly value: T }
  >();

  /** A write replaces `data`; it is never changed in place. An error of `decode` is not cached. */
  of(
    path: string,
    { data, version }: { readonly data: Buffer; readonly version: number },
    decode: () => T,
  ): T {
    const known = this.known.get(path);
    if (known?.data === data && known.version === version) return known.value;
    const value = decode();
    this.known.set(path, { data, version, value });
    return value;
  }
}
