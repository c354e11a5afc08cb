/**
 * The files of a partition as a story shows them: names and sizes.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface SegmentFile {
  readonly name: string;
  readonly bytes: number;
}

/** Every file of a directory on this machine. */
export function filesIn(directory: string): SegmentFile[] {
  return fs.readdirSync(directory).sort().flatMap((name) => {
    try {
      return [{ name, bytes: fs.statSync(path.join(directory, name)).size }];
    } catch {
      // It was just removed.
      return [];
    }
  });
}

/** The `.log` files among them, and those that wait to be removed. */
export function segmentsAmong(files: readonly SegmentFile[]): SegmentFile[] {
  return files.filter(({ name }) => /\.log(\.deleted)?$/.test(name));
}

/** One line a segment; the last live one is active. */
export function showSegments(files: readonly SegmentFile[]): string[] {
  const active = files.filter((file) => file.name.endsWith('.log')).at(-1);
  return files.map((file) => `  ${file.name.padEnd(32)}${file.bytes.toLocaleString('en').padStart(9)} bytes${file === active ? '  active' : file.name.endsWith('.deleted') ? '  to be removed' : ''}`);
}

export function liveBytes(files: readonly SegmentFile[]): number {
  return files.filter((file) => file.name.endsWith('.log')).reduce((sum, file) => sum + file.bytes, 0);
}
