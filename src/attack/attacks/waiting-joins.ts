/**
 * Very large JoinGroup requests that wait for members which never join.
 */
import { joinGroup } from '../../protocol/messages/groups';
import { Api } from '../../protocol/schema';
import { buildBody } from '../base-request';
import { Attack, Ground, scaled } from '../ground';
import { Lane } from '../lane';
import { encodeNode, framed, NIL, packBinary, packInteger, packString } from '../wire-node';

const METADATA_BYTES = 95_000_000;
const LONG_STRING_BYTES = 40_000;

/** Encoded by hand, because our encoder refuses strings of this length. */
function joinFrame(group: string, bytes: number, instance: string | null): Buffer {
  const words: Readonly<Record<string, Buffer>> = {
    groupId: packString(group),
    groupInstanceId: instance === null ? NIL : packString(instance),
    metadata: packBinary(Buffer.alloc(bytes, 1)),
    rebalanceTimeoutMs: packInteger(600_000),
  };
  const body = buildBody(joinGroup as Api, (path) => words[path.at(-1) ?? '']);
  const head = [packInteger(joinGroup.key), packInteger(0), packInteger(1), packString('attacker')];
  return framed(encodeNode({ items: [...head, body] }));
}

async function run(ground: Ground): Promise<void> {
  for (let round = 0; !ground.isOver(); round++) {
    const large = scaled(ground, METADATA_BYTES, 1000);
    const frames = [
      ...Array.from({ length: 3 }, (_, i) => joinFrame('victim-group', large, `large-${round}-${i}`)),
      joinFrame('x'.repeat(LONG_STRING_BYTES), 10, null),
      joinFrame('victim-group', 10, 'y'.repeat(LONG_STRING_BYTES)),
    ];
    await Promise.all(
      ground.brokers.map(async (broker, i) => {
        const lane = new Lane(ground, broker);
        for (const [j, frame] of frames.entries()) {
          const id = `waiting-joins:${ground.seed}:${round}.${i}.${j}`;
          await lane.sendNoted({ id, what: `JoinGroup of ${frame.length} bytes`, frame, patienceMs: 2000 });
        }
        lane.close();
      }),
    );
  }
}

export const waitingJoins: Attack = {
  name: 'waiting-joins',
  sends: 'JoinGroup requests of 95 MB that wait, and group and instance ids of 40,000 bytes',
  expected: 'refused by a bound on their API; nobody waits for their memory',
  run,
};
