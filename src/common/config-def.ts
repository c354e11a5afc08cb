/**
 * Settings as a table: one row has a setting's name, type, default, bounds and description. The typed
 * configuration, the checks at start-up, their errors and the documentation are all derived from the row.
 *
 * [p] Kafka: clients/.../common/config/ConfigDef.java@2.8.2; differs: a row is the only place of a setting,
 * where KafkaConfig.scala names each in five.
 */
import { KafkaError } from './errors';

/** Kafka's Long.MAX_VALUE, which means "never" or "no limit" in many settings. The nearest double is 2^63. */
export const LONG_MAX = 2 ** 63;
const INT_MAX = 2 ** 31 - 1;

export type SettingType = 'int' | 'long' | 'double' | 'string' | 'boolean' | 'list' | 'class' | 'classes';

interface TypeOf {
  int: number;
  long: number;
  double: number;
  string: string;
  boolean: boolean;
  list: readonly string[];
  /**
   * A class name as text, or the function, class or object itself. The code that uses the setting checks it.
   */
  class: unknown;
  classes: readonly unknown[];
}

export interface Setting<T extends SettingType = SettingType, N = unknown> {
  readonly type: T;
  /** `null` means "not set". */
  readonly default: TypeOf[T] | N;
  readonly doc: string;
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
  /**
   * Not a setting in Kafka, where the value is a constant. A setting here, so that tests and the lab can
   * shorten it.
   */
  readonly internal?: boolean;
}

export type SettingsTable = Readonly<Record<string, Setting>>;
export type ConfigOf<T extends SettingsTable> = {
  readonly [K in keyof T]: T[K] extends Setting<infer S, infer N>
    ? TypeOf[S] | (null extends N ? null : never)
    : never;
};

type Extra = Pick<Setting, 'min' | 'max' | 'oneOf' | 'internal'>;

/** A row of the table: `setting('int', 10, 'doc', {min: 0})`. */
export function setting<T extends SettingType>(
  type: T,
  value: TypeOf[T],
  doc: string,
  extra: Extra = {},
): Setting<T, never> {
  return { type, default: value, doc, ...extra } as Setting<T, never>;
}

/** A row whose default is "not set". */
export function optional<T extends SettingType>(type: T, doc: string, extra: Extra = {}): Setting<T, null> {
  return { type, default: null, doc, ...extra };
}

/**
 * The row of this name, or undefined. hasOwn, because a client may send a name such as `constructor`, which
 * every object inherits.
 */
export function rowOf(table: SettingsTable, name: string): Setting | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

export type RawConfig = Readonly<Record<string, unknown>>;

function fail(name: string, value: unknown, reason: string): never {
  throw new KafkaError(
    'CONFIG_EXCEPTION',
    `Invalid value ${String(value)} for configuration ${name}: ${reason}`,
  );
}

/**
 * Whether the number fits into an int64. Given as text, 2^63 is one too large; as a double it cannot be told
 * from Long.MAX_VALUE, so it is accepted.
 */
function fitsLong(value: unknown, number: number): boolean {
  if (typeof value === 'number' || Number.isSafeInteger(number)) return Math.abs(number) <= LONG_MAX;
  const exact = BigInt(String(value).trim().replace(/^\+/, ''));
  return exact === BigInt.asIntN(64, exact);
}

function parseNumber(name: string, row: Setting, value: unknown): number {
  const text = String(value).trim();
  const whole = row.type !== 'double';
  if (!(whole ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/).test(text)) {
    fail(name, value, `Not a number of type ${row.type.toUpperCase()}`);
  }
  const number = Number(text);
  if (row.type === 'int' && Math.abs(number) > INT_MAX + (number < 0 ? 1 : 0))
    fail(name, value, 'Not a number of type INT');
  if (row.type === 'long' && !fitsLong(value, number)) fail(name, value, 'Not a number of type LONG');
  if (row.min !== undefined && number < row.min) fail(name, value, `Value must be at least ${row.min}`);
  if (row.max !== undefined && number > row.max) fail(name, value, `Value must be no more than ${row.max}`);
  return number;
}

/**
 * Parses and checks one value, which is text or already of the row's type. Throws CONFIG_EXCEPTION with name,
 * value and reason.
 */
export function parseSetting(name: string, row: Setting, value: unknown): unknown {
  switch (row.type) {
    case 'int':
    case 'long':
    case 'double':
      return parseNumber(name, row, value);
    case 'boolean': {
      const text = String(value).trim().toLowerCase();
      if (text !== 'true' && text !== 'false') fail(name, value, 'Expected value to be either true or false');
      return text === 'true';
    }
    case 'list': {
      const items = Array.isArray(value)
        ? value.map(String)
        : String(value)
            .split(',')
            .map((s) => s.trim())
            .filter((s) => s !== '');
      for (const item of items)
        if (row.oneOf && !row.oneOf.includes(item))
          fail(name, value, `String must be one of: ${row.oneOf.join(', ')}`);
      return items;
    }
    case 'class':
      return typeof value === 'string' ? value.trim() : value;
    case 'classes':
      return Array.isArray(value)
        ? value
        : typeof value === 'string'
          ? value
              .split(',')
              .map((s) => s.trim())
              .filter((s) => s !== '')
          : [value];
    case 'string': {
      const text = String(value).trim();
      if (row.oneOf && !row.oneOf.includes(text))
        fail(name, value, `String must be one of: ${row.oneOf.join(', ')}`);
      return text;
    }
  }
}

/**
 * Parses the whole configuration. `onUnknown` is called for every key that is not a setting; callers log a
 * warning, as Kafka does.
 */
export function parseConfig<T extends SettingsTable>(
  table: T,
  raw: RawConfig,
  onUnknown: (name: string) => void = () => {},
): ConfigOf<T> {
  const config: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(table)) {
    const value = raw[name];
    config[name] = value === undefined || value === null ? row.default : parseSetting(name, row, value);
  }
  for (const name of Object.keys(raw)) if (!rowOf(table, name)) onUnknown(name);
  return config as ConfigOf<T>;
}

/**
 * Parses a Java properties file: `key=value` or `key: value`, comments with # or !, a backslash at the end of
 * a line continues it.
 */
export function parseProperties(text: string): Record<string, string> {
  const result = new Map<string, string>();
  const lines = text.replace(/\\\r?\n[ \t]*/g, '').split(/\r?\n/);
  for (const line of lines) {
    const match = /^\s*([^#!\s=:][^=:\s]*)\s*[=:\s]\s*(.*?)\s*$/.exec(line);
    if (match) result.set(match[1]!, match[2]!);
  }
  return Object.fromEntries(result);
}

/** The default as text for the documentation. */
export function showDefault(row: Setting): string {
  if (row.default === null) return 'not set';
  if (row.default === LONG_MAX) return '9223372036854775807';
  return Array.isArray(row.default) ? row.default.join(',') || '""' : String(row.default) || '""';
}
