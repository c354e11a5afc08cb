/**
 * The table of attacks, in the order in which they run.
 */
import { abandonedWaits } from './attacks/abandoned-waits';
import { compressionBombs } from './attacks/compression-bombs';
import { connectionFlood } from './attacks/connection-flood';
import { everyField } from './attacks/every-field';
import { forgedControl } from './attacks/forged-control';
import { halfFrames } from './attacks/half-frames';
import { hostileMembers } from './attacks/hostile-members';
import { hugeCounts } from './attacks/huge-counts';
import { idleConnections } from './attacks/idle-connections';
import { internalTopic } from './attacks/internal-topic';
import { lyingBatches } from './attacks/lying-batches';
import { manyProducers } from './attacks/many-producers';
import { manyRows } from './attacks/many-rows';
import { neverReading } from './attacks/never-reading';
import { randomFrames } from './attacks/random-frames';
import { randomMutations } from './attacks/random-mutations';
import { requestFlood } from './attacks/request-flood';
import { slowDrip } from './attacks/slow-drip';
import { waitingJoins } from './attacks/waiting-joins';
import { Attack } from './ground';

export const attacks: readonly Attack[] = [
  everyField,
  randomMutations,
  randomFrames,
  lyingBatches,
  hostileMembers,
  internalTopic,
  forgedControl,
  manyRows,
  hugeCounts,
  compressionBombs,
  waitingJoins,
  halfFrames,
  slowDrip,
  neverReading,
  abandonedWaits,
  manyProducers,
  requestFlood,
  connectionFlood,
  idleConnections,
];

/** The attack of this name. Throws an Error that lists all names if there is none. */
export function attackNamed(name: string): Attack {
  const found = attacks.find((attack) => attack.name === name);
  if (!found)
    throw new Error(`there is no attack '${name}'; there are ${attacks.map((one) => one.name).join(', ')}`);
  return found;
}
