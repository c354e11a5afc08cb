/**
 * What Node gives every module and the browser does not: injected into the bundle of the worker (build.mjs).
 *
 * `setImmediate`: each callback is a task of its own, so that every promise it set off has run before the
 * next; the simulation's time rests on that. A MessageChannel has no least delay, as timers have.
 */
import { Buffer as PlainBuffer } from 'buffer';

type Encode = (this: Uint8Array, encoding?: string, start?: number, end?: number) => string;
type From = (value: unknown, ...rest: unknown[]) => Uint8Array;

/** The package `buffer` knows no base64url. */
const prototype = PlainBuffer.prototype as unknown as { toString: Encode };
const encode = prototype.toString;
prototype.toString = function toString(encoding, start, end) {
  if (encoding !== 'base64url') return encode.call(this, encoding, start, end);
  return encode
    .call(this, 'base64', start, end)
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
};
const plain = PlainBuffer as unknown as { from: From };
const from = plain.from;
plain.from = (value, ...rest) => from(value, ...(rest[0] === 'base64url' ? ['base64'] : rest));

export const Buffer = PlainBuffer;

type Callback = (...args: unknown[]) => void;
const due: (() => void)[] = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => due.shift()!();

export function setImmediate(callback: Callback, ...args: unknown[]): void {
  due.push(() => callback(...args));
  channel.port2.postMessage(0);
}

export const process = {
  env: {},
  platform: 'browser',
  versions: {},
  nextTick: queueMicrotask.bind(globalThis),
};
