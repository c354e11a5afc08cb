/**
 * The language in which messages are written down: a message is one table of fields, each with a type and a sentence.
 * From the table come the TypeScript type, the checked decoder, the encoder and docs/protocol.md.
 *
 * [p] Kafka: clients/src/main/resources/common/message/*.json@2.8.2; differs: a struct is a positional msgpack array.
 */

export type Schema<T> = ScalarSchema<T> | ArraySchema<T> | StructSchema<T>;

export type ScalarKind = 'int8' | 'int16' | 'int32' | 'int64' | 'bool' | 'string' | 'nullableString' | 'bytes' | 'records';

export interface ScalarSchema<T> {
  readonly kind: ScalarKind;
  /** Carries the static type only. */
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
/** A number that fits 2^53; beyond is an error on both sides, not a rounding. */
export const int64 = scalar<number>('int64');
export const bool = scalar<boolean>('bool');
export const string = scalar<string>('string');
export const nullableString = scalar<string | null>('nullableString');
/** Opaque bytes: one msgpack `bin`. */
export const bytes = scalar<Buffer>('bytes');
/** A record set: one msgpack `bin`. Encoded from chunks without copying; decoded as a view on the frame. */
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

/** A struct from its table: `struct({ offset: [int64, 'the first offset to return'] })`. The order is the wire order. */
export function struct<F extends Readonly<Record<string, FieldRow<unknown>>>>(table: F): StructSchema<StructOf<F>> {
  const fields = Object.entries(table).map(([name, [type, doc]]) => ({ name, type, doc }));
  return { kind: 'struct', fields, hasRecords: fields.some((field) => containsRecords(field.type)) };
}

/** One API: Kafka's key and name, its request and its response. */
export interface Api<Request = unknown, Response = unknown> {
  readonly key: number;
  readonly name: string;
  /** Versions are ours, not Kafka's; each API starts at 0. */
  readonly maxVersion: number;
  readonly doc: string;
  readonly request: Schema<Request>;
  readonly response: Schema<Response>;
}

export function api<Q, R>(key: number, name: string, doc: string, request: Schema<Q>, response: Schema<R>): Api<Q, R> {
  return { key, name, maxVersion: 0, doc, request, response };
}
