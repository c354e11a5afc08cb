/**
 * The fuzz targets: every decoder that reads data from other processes or from disk.
 */
import { FuzzTarget } from './fuzz-target';
import { recordTargets } from './targets/record-targets';
import { storedTargets } from './targets/stored-targets';
import { textTargets } from './targets/text-targets';
import { wireTargets } from './targets/wire-targets';

export const fuzzTargets: readonly FuzzTarget[] = [
  ...wireTargets,
  ...recordTargets,
  ...storedTargets,
  ...textTargets,
];

/** The target of this name. Throws an Error that lists all names if there is none. */
export function targetNamed(name: string): FuzzTarget {
  const found = fuzzTargets.find((target) => target.name === name);
  if (!found)
    throw new Error(
      `there is no target '${name}'; there are ${fuzzTargets.map((one) => one.name).join(', ')}`,
    );
  return found;
}
