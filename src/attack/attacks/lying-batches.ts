/**
 * Record batches whose headers contradict their records; the CRC is valid.
 */
import { encodeRequest } from '../../protocol/wire';
import { produce } from '../../protocol/messages/produce-fetch';
import { BATCH_HEADER_BYTES } from '../../record/record-batch';
import { Prng } from '../../simulation/prng';
import { VICTIM_TOPIC } from '../base-request';
import { Attack } from '../ground';
import { hostileBatches, sealed } from '../hostile-batches';
import { HostileRequest } from '../hostile-requests';
import { sendAll } from '../lane';

export function produceFrame(records: readonly Buffer[], acks = 1, topic = VICTIM_TOPIC): Buffer {
  const partitionData = records.map((batch) => ({ index: 0, records: [batch] }));
  const body = { acks, timeoutMs: 1000, topicData: [{ name: topic, partitionData }] };
  return Buffer.concat(encodeRequest(produce, 1, 'attacker', body));
}

/** First each hostile batch unchanged; then with bytes changed, and length and CRC corrected. */
function input(seed: string, number: number): HostileRequest {
  const { name, make } = hostileBatches[number % hostileBatches.length]!;
  const acks = number % 2 === 0 ? 1 : -1;
  if (number < 2 * hostileBatches.length) return { what: name, frame: produceFrame([make()], acks) };
  const random = new Prng(`${seed}/lying-batches/${number}`);
  const batch = make();
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    const at = random.chance(0.5) ? random.below(BATCH_HEADER_BYTES) : random.below(batch.length);
    if (at >= 8 && at < 21 && at < batch.length) continue;
    if (at < batch.length) batch[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  }
  return {
    what: `${name}, and bytes changed`,
    frame: produceFrame([batch.length > BATCH_HEADER_BYTES ? sealed(batch) : batch], acks),
  };
}

export const lyingBatches: Attack = {
  name: 'lying-batches',
  sends:
    'batches with wrong counts, lengths, offsets, times beyond 53 bits, records that are not what they say',
  expected:
    'CORRUPT_MESSAGE, INVALID_RECORD or INVALID_TIMESTAMP; nothing is stored that a consumer cannot read',
  input,
  run: (ground) => sendAll(ground, { name: 'lying-batches', input, lanes: 6 }),
};
