/**
 * The files of a partition for display: names and sizes.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface SegmentFile {
  readonly name: string;
  readonly bytes: number;
}

/** All files of a directory on this machine. */
export function filesIn(directory: string): SegmentFile[] {
  return fs
    .readdirSync(directory)
    .sort()
    .flatMap((name) => {
      try {
        return [{ name, bytes: fs.statSync(path.join(directory, name)).size }];
      } catch {
        // The file has just been deleted.
        return [];
      }
    });
}

/** The `.log` files, including those that wait for their deletion. */
export function segmentsAmong(files: readonly SegmentFile[]): SegmentFile[] {
  return files.filter(({ name }) => /\.log(\.deleted)?$/.test(name));
}

/** One line for each segment; the last one that is not deleted is the active one. */
export function showSegments(files: readonly SegmentFile[]): string[] {
  const active = files.filter((file) => file.name.endsWith('.log')).at(-1);
  return files.map(
    (file) =>
      `  ${file.name.padEnd(32)}${file.bytes.toLocaleString('en').padStart(9)} ` +
      `bytes${file === active ? '  active' : file.name.endsWith('.deleted') ? '  to be removed' : ''}`,
  );
}

export function liveBytes(files: readonly SegmentFile[]): number {
  return files.filter((file) => file.name.endsWith('.log')).reduce((sum, file) => sum + file.bytes, 0);
}
