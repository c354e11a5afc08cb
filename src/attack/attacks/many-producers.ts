/**
 * One batch from each of very many idempotent producers, whose state the broker has to keep.
 */
import { buildBatch } from '../../record/batch-builder';
import { Prng } from '../../simulation/prng';
import { Attack } from '../ground';
import { HostileRequest } from '../hostile-requests';
import { sendAll } from '../lane';
import { produceFrame } from './lying-batches';

function input(seed: string, number: number): HostileRequest {
  const producerId = new Prng(`${seed}/many-producers/${number}`).below(2 ** 31) + number;
  const fields = { producerId, producerEpoch: 0, baseSequence: 0 };
  return {
    what: `a batch of producer ${producerId}`,
    frame: produceFrame([buildBatch([{ timestamp: 1_600_000_000_000, value: Buffer.from('v') }], fields)]),
  };
}

export const manyProducers: Attack = {
  name: 'many-producers',
  sends: 'one batch each of as many producer ids as there is time for',
  expected: 'memory a few hundred bytes a producer id, until they expire',
  input,
  run: (ground) => sendAll(ground, { name: 'many-producers', input, lanes: 6 }),
};
