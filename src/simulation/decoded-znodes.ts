/**
 * What znodes say, decoded once for as long as they stay what they are: the checks ask for the same state after nearly
 * every action.
 */
export class DecodedZnodes<T> {
  private readonly known = new Map<string, { readonly data: Buffer; readonly version: number; readonly value: T }>();

  /** `data` is replaced when the znode is written, never changed in place. What `decode` throws is not remembered. */
  of(path: string, { data, version }: { readonly data: Buffer; readonly version: number }, decode: () => T): T {
    const known = this.known.get(path);
    if (known?.data === data && known.version === version) return known.value;
    const value = decode();
    this.known.set(path, { data, version, value });
    return value;
  }
}
