/**
 * Produces to `__consumer_offsets`, the topic in which coordinators store their groups.
 */
import { buildBatch } from '../../record/batch-builder';
import { encodeRequest } from '../../protocol/wire';
import { findCoordinator } from '../../protocol/messages/groups';
import { produce } from '../../protocol/messages/produce-fetch';
import { Prng } from '../../simulation/prng';
import { Attack } from '../ground';
import { HostileRequest } from '../hostile-requests';
import { sendAll } from '../lane';

const OFFSETS_TOPIC = '__consumer_offsets';
/** Names that a client without administrator rights may use. */
const NAMES = ['attacker', '', '__admin', 'broker-1'];

/** Keys and values that are almost valid records of a group. */
function input(seed: string, number: number): HostileRequest {
  const random = new Prng(`${seed}/internal-topic/${number}`);
  if (number === 0) {
    const frame = Buffer.concat(
      encodeRequest(findCoordinator, 1, 'attacker', { key: 'victim-group', keyType: 0 }),
    );
    return { what: 'FindCoordinator, so that the topic is there', frame };
  }
  const key = Buffer.concat([Buffer.of(0, random.below(4)), random.bytes(random.below(30))]);
  const value = random.chance(0.3)
    ? null
    : Buffer.concat([Buffer.of(0, random.below(5)), random.bytes(random.below(60))]);
  const records = [buildBatch([{ timestamp: 1_600_000_000_000, key, value }])];
  const body = {
    acks: random.pick([1, -1]),
    timeoutMs: 1000,
    topicData: [{ name: OFFSETS_TOPIC, partitionData: [{ index: random.below(4), records }] }],
  };
  return {
    what: `Produce to ${OFFSETS_TOPIC}`,
    frame: Buffer.concat(encodeRequest(produce, 1, random.pick(NAMES), body)),
  };
}

export const internalTopic: Attack = {
  name: 'internal-topic',
  sends: 'records of its own to __consumer_offsets',
  expected: 'INVALID_TOPIC_EXCEPTION; the groups stay as they are',
  input,
  run: (ground) => sendAll(ground, { name: 'internal-topic', input, lanes: 6 }),
};
