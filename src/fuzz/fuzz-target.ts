/**
 * A decoder under test, and what must hold for any input. Either the decoder refuses the input with the
 * documented error, or the decoded value is no larger than the input allows, and encoding and decoding it
 * again gives the same value.
 *
 * [p]
 */
export interface FuzzTarget {
  readonly name: string;
  /** Valid encodings to start from. */
  readonly seeds: () => readonly Buffer[];
  readonly decode: (input: Buffer) => unknown;
  /** Whether `error` is the documented way to refuse an input. */
  readonly isRefusal: (error: unknown) => boolean;
  /** Encodes a decoded value again; undefined if the target has no encoder for it. */
  readonly encode?: (value: never) => Buffer | undefined;
  /** Corrects checksums and lengths after a change, so that the code behind these checks is reached. */
  readonly repair?: (input: Buffer) => Buffer;
}

/**
 * The problem, if the input is a finding; otherwise a feature that describes how it was decoded or refused.
 */
export type Outcome = { readonly problem: string } | { readonly feature: string };

/** An input byte may become one object with a few numbers. */
const WEIGHT_A_BYTE = 64;
const WEIGHT_FREE = 4096;

/**
 * The approximate memory of the value, in units of one number. A Buffer counts as one view, not by its bytes.
 */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length / 8;
  if (Buffer.isBuffer(value)) return 2;
  if (value instanceof Map)
    return [...value].reduce((sum, [key, item]) => sum + weightOf(key) + weightOf(item), 2);
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + weightOf(item), 2);
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, item: unknown) => sum + weightOf(item), 2);
}

/** Whether two decoded values are equal. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (a instanceof Map) return b instanceof Map && isSame([...a], [...b]);
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]))
  );
}

/** The error's class and the first words of its message, without numbers; the rest may repeat the input. */
function kindOf(error: unknown, words: number): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const first = message
    .replace(/Invalid value [^]* for/, 'Invalid value for')
    .replace(/ name: [^]*/, ' name')
    .split(/\s+/)
    .slice(0, words);
  return `${name}: ${first
    .join(' ')
    .replace(/'.*|".*/, '…')
    .replace(/-?\d[\d_.e+]*/g, 'N')
    .slice(0, 100)}`;
}

const MAX_SHAPE_DEPTH = 5;
const sizeOf = (length: number) => Math.ceil(Math.log2(length + 1) / 2);

/** A rough description of a value: the kinds of its parts and their sizes, rounded to powers of four. */
function shapeOf(value: unknown, depth = 0): string {
  if (Buffer.isBuffer(value)) return `b${sizeOf(value.length)}`;
  if (typeof value === 'string') return `s${Math.min(2, value.length)}`;
  if (typeof value === 'number') return value < 0 ? '-' : value === 0 ? '0' : value > 0xffff_ffff ? 'N' : 'n';
  if (typeof value !== 'object' || value === null) return String(value)[0]!;
  if (depth === MAX_SHAPE_DEPTH) return '.';
  const items: unknown[] = value instanceof Map ? [...value.values()] : Object.values(value);
  const isList = Array.isArray(value) || value instanceof Map || items.length > 12;
  const shown = isList ? items.slice(0, 1) : items;
  return `${isList ? sizeOf(items.length) : ''}{${shown.map((one) => shapeOf(one, depth + 1)).join('')}}`;
}

/** Tries one input. */
export function tryInput(target: FuzzTarget, input: Buffer): Outcome {
  let value: unknown;
  try {
    value = target.decode(Buffer.from(input));
  } catch (error) {
    return target.isRefusal(error)
      ? { feature: kindOf(error, 5) }
      : { problem: `decoding throws ${kindOf(error, 12)}` };
  }
  const weight = weightOf(value);
  if (weight > WEIGHT_FREE + WEIGHT_A_BYTE * input.length)
    return { problem: 'what is decoded is much larger than the input' };
  try {
    const bytes = target.encode?.(value as never);
    if (bytes !== undefined && !isSame(target.decode(bytes), value))
      return { problem: 'encoded and decoded again it means something else' };
  } catch (error) {
    return { problem: `what was decoded cannot be encoded and decoded again: ${kindOf(error, 12)}` };
  }
  return { feature: shapeOf(value) };
}
