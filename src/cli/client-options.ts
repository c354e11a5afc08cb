/**
 * Options that Kafka's client tools share: properties from a file and from the command line; and tables for
 * their output.
 */
import * as fs from 'node:fs';
import { parseProperties } from '../common/config-def';
import { keyValue } from './command';

/** The properties of the file; empty if no file is given. */
export function configFile(path: string | undefined): Record<string, string> {
  return path === undefined ? {} : parseProperties(fs.readFileSync(path, 'utf8'));
}

/** Kafka's perf tools take several `key=value` after one option. */
export function propertyList(text: string, previous: Record<string, string> = {}): Record<string, string> {
  return keyValue(text, previous);
}

/** Pads each column to its widest cell, as Kafka's tools do. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
        .join(' ')
        .trimEnd(),
    )
    .join('\n');
}

/** `yyyy-MM-dd HH:mm:ss:SSS` in local time. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}:${String(date.getMilliseconds()).padStart(3, '0')}`
  );
}

/** The value at the given share (0 to 1) of the sorted list; 0 if it is empty. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/**
 * Aborts at SIGINT or SIGTERM. With SAMSA_PARENT=stdin the process exits when its standard input closes, so
 * that a demo that was killed leaves no process behind.
 */
export function untilSignal(): AbortSignal {
  const controller = new AbortController();
  if (process.env.SAMSA_PARENT === 'stdin')
    process.stdin
      .on('end', () => process.exit(3))
      .on('error', () => process.exit(3))
      .resume();
  process.once('SIGINT', () => controller.abort());
  process.once('SIGTERM', () => controller.abort());
  return controller.signal;
}
