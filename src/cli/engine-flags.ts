/**
 * How the engine is to run simulations: minutes of computation, one process a core. A quarter of the time went to
 * compiling functions again and again, and to collecting young objects in several threads at once.
 *
 * Measured on Node 20. Nothing depends on it but speed.
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS = ['--interrupt-budget=600000', '--no-parallel-scavenge'];

/** What only a start of the process can set. */
export const JOB_FLAGS: readonly string[] = ['--max-semi-space-size=32'];

/** For the rest of this process. */
export function setSimulationFlags(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
