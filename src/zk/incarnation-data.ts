/**
 * The data of an incarnation znode: `PROCESS_EPOCH [KEPT_SINCE [FLUSHED_SINCE]]`, where an epoch that is left
 * out is as high as the one before it.
 *
 * Kafka 2.8 has no counterpart; see docs/decisions/0004, 0020.
 */
import { ProcessEpochs } from '../common/cluster-types';

const FORM = /^(\d+)(?: (\d+)(?: (\d+))?)?$/;

export function encodeEpochs({ processEpoch, keptSince, flushedSince }: ProcessEpochs): Buffer {
  if (flushedSince !== undefined) return Buffer.from(`${processEpoch} ${keptSince} ${flushedSince}`);
  return Buffer.from(keptSince === processEpoch ? String(processEpoch) : `${processEpoch} ${keptSince}`);
}

/** Undefined if the data is anything else. */
export function decodeEpochs(data: Buffer): ProcessEpochs | undefined {
  const match = FORM.exec(data.toString('latin1'));
  const processEpoch = Number(match?.[1]);
  const keptSince = Number(match?.[2] ?? processEpoch);
  if (!Number.isSafeInteger(processEpoch) || keptSince > processEpoch) return undefined;
  if (match?.[3] === undefined) return { processEpoch, keptSince };
  const flushedSince = Number(match[3]);
  return flushedSince <= keptSince ? { processEpoch, keptSince, flushedSince } : undefined;
}
