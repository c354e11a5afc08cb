/**
 * Schemas of messages. A message is one table of fields, each with a type and a description. The TypeScript
 * type, the checking decoder, the encoder and docs/protocol.md are derived from the table.
 *
 * [p] Kafka: clients/src/main/resources/common/message/*.json@2.8.2; differs: a struct is a positional
 * msgpack array.
 */

export type Schema<T> = ScalarSchema<T> | ArraySchema<T> | StructSchema<T>;

export type ScalarKind =
  'int8' | 'int16' | 'int32' | 'int64' | 'bool' | 'string' | 'nullableString' | 'bytes' | 'records';

export interface ScalarSchema<T> {
  readonly kind: ScalarKind;
  /** Never set; it carries the static type. */
  readonly _?: T;
}

export interface ArraySchema<T> {
  readonly kind: 'array';
  readonly of: Schema<unknown>;
  readonly hasRecords: boolean;
  readonly _?: T;
}

export interface StructField {
  readonly name: string;
  readonly type: Schema<unknown>;
  readonly doc: string;
}

export interface StructSchema<T> {
  readonly kind: 'struct';
  readonly fields: readonly StructField[];
  readonly hasRecords: boolean;
  readonly _?: T;
}

export type TypeOf<S> = S extends { readonly _?: infer T } ? T : never;

const scalar = <T>(kind: ScalarKind): ScalarSchema<T> => ({ kind });

export const int8 = scalar<number>('int8');
export const int16 = scalar<number>('int16');
export const int32 = scalar<number>('int32');
/** A safe integer: a value beyond 2^53 is an error when encoding and when decoding, and is never rounded. */
export const int64 = scalar<number>('int64');
export const bool = scalar<boolean>('bool');
export const string = scalar<string>('string');
export const nullableString = scalar<string | null>('nullableString');
/** Opaque bytes, as one msgpack `bin`. */
export const bytes = scalar<Buffer>('bytes');
/**
 * A record set, as one msgpack `bin`. Encoded from chunks without copying; decoded as a view on the frame.
 */
export const records = scalar<readonly Buffer[]>('records');

export function containsRecords(schema: Schema<unknown>): boolean {
  if (schema.kind === 'records') return true;
  return schema.kind === 'array' || schema.kind === 'struct' ? schema.hasRecords : false;
}

export function array<T>(of: Schema<T>): ArraySchema<readonly T[]> {
  return { kind: 'array', of: of as Schema<unknown>, hasRecords: containsRecords(of as Schema<unknown>) };
}

type FieldRow<T> = readonly [type: Schema<T>, doc: string];
type StructOf<F> = { readonly [K in keyof F]: F[K] extends readonly [infer S, string] ? TypeOf<S> : never };

/**
 * A struct from its table: `struct({ offset: [int64, 'the first offset to return'] })`. The fields are
 * encoded in the order of the table.
 */
export function struct<F extends Readonly<Record<string, FieldRow<unknown>>>>(
  table: F,
): StructSchema<StructOf<F>> {
  const fields = Object.entries(table).map(([name, [type, doc]]) => ({ name, type, doc }));
  return { kind: 'struct', fields, hasRecords: fields.some((field) => containsRecords(field.type)) };
}

/** An API: Kafka's key and name, with the schemas of its request and response. */
export interface Api<Request = unknown, Response = unknown> {
  readonly key: number;
  readonly name: string;
  /** The versions are our own, not Kafka's. Every API begins with version 0. */
  readonly maxVersion: number;
  readonly doc: string;
  readonly request: Schema<Request>;
  readonly response: Schema<Response>;
}

export function api<Q, R>(
  key: number,
  name: string,
  doc: string,
  request: Schema<Q>,
  response: Schema<R>,
): Api<Q, R> {
  return { key, name, maxVersion: 0, doc, request, response };
}
