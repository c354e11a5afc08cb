/**
 * Damage to a file that its process does not notice: the end is lost, a part becomes zeros, a bit flips,
 * bytes are added, or the file disappears. For both the real and the simulated disk.
 */
import { Disk } from '../common/host';
import { Prng } from './prng';

export const damageKinds = ['truncate', 'zero', 'flip', 'append', 'delete'] as const;
export type DamageKind = (typeof damageKinds)[number];

/** The paths of all files below the directory. */
export function filesBelow(disk: Disk, directory: string): string[] {
  return disk
    .list(directory)
    .flatMap(({ name, directory: isDirectory }) =>
      isDirectory ? filesBelow(disk, `${directory}/${name}`) : [`${directory}/${name}`],
    );
}

/** Damages the file at or after byte `from`. Returns a description of the damage. */
export function damage(disk: Disk, path: string, kind: DamageKind, random: Prng, from = 0): string {
  const { size } = disk.stat(path);
  if (kind === 'delete' || size <= from) {
    disk.remove(path);
    return `delete ${path}`;
  }
  const file = disk.open(path, 'write');
  const at = from + random.below(size - from);
  const length = Math.min(size - at, 1 + random.below(64));
  try {
    if (kind === 'truncate') file.truncate(at);
    else if (kind === 'zero') file.write([Buffer.alloc(length)], at);
    else if (kind === 'append') file.write([random.bytes(1 + random.below(100))], size);
    else {
      const byte = Buffer.alloc(1);
      file.read(byte, at);
      byte[0]! ^= 1 << random.below(8);
      file.write([byte], at);
    }
  } finally {
    file.close();
  }
  return `${kind} ${path} at ${at} of ${size}`;
}
