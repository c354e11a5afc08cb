/**
 * Members that have joined groups of their own correctly, and then send what no member should: each hostile
 * value in each field of a member's requests, with valid member id and generation.
 */
import { HostPort } from '../../common/cluster-types';
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  offsetCommit,
  syncGroup,
} from '../../protocol/messages/groups';
import { Api } from '../../protocol/schema';
import { decodeResponse } from '../../protocol/wire';
import { buildBody, Path, pathsOf, pathText, VICTIM_GROUP } from '../base-request';
import { Conversation } from '../conversation';
import { Attack, Ground, InputOutcome, pause } from '../ground';
import { HostileValue, hostileValuesFor } from '../hostile-values';
import { Lane } from '../lane';
import { encodeNode, framed, NIL, packBinary, packInteger, packString, WireNode } from '../wire-node';

const LANES = 8;
const PATIENCE_MS = 4000;
const apis = [syncGroup, heartbeat, offsetCommit, leaveGroup, joinGroup] as readonly Api[];

interface Case {
  readonly api: Api;
  readonly path: Path;
  readonly value: HostileValue;
}

function casesOf(withLarge: boolean): Case[] {
  return apis.flatMap((api) =>
    pathsOf(api.request).flatMap(({ path, schema }) =>
      hostileValuesFor(schema)
        .filter(({ isLarge }) => withLarge || !isLarge)
        .map((value) => ({ api, path, value })),
    ),
  );
}

const equal = (a: Path, b: Path) => a.length === b.length && a.every((step, i) => step === b[i]);
const isPrefix = (prefix: Path, path: Path) => prefix.every((step, i) => step === path[i]);

function request(api: Api, words: Readonly<Record<string, WireNode>>, hostile?: Case): Buffer {
  const body = buildBody(
    api,
    (path, _, sound) => {
      if (hostile !== undefined && equal(path, hostile.path)) return hostile.value.make(sound);
      return words[path.at(-1) ?? ''];
    },
    // The group leader's assignment has one row, for itself.
    (path) => path.at(-1) === 'assignments' || (hostile !== undefined && isPrefix(path, hostile.path)),
  );
  return framed(
    encodeNode({
      items: [packInteger(api.key), packInteger(0), packInteger(1), packString('attacker'), body],
    }),
  );
}

/**
 * Joins, then sends the hostile request as a member. A broker that is not the group's coordinator refuses the
 * join.
 */
async function live(ground: Ground, broker: HostPort, number: number, hostile: Case): Promise<InputOutcome> {
  const words: Record<string, WireNode> = {
    groupId: packString(`${VICTIM_GROUP}-${number % 1000}`),
    groupInstanceId: packString('instance'),
    rebalanceTimeoutMs: packInteger(500),
  };
  const isBorn = hostile.api.key === joinGroup.key;
  const [name = '', ...deeper] = hostile.path;
  // A hostile member that joins with a hostile name keeps that name.
  if (isBorn && deeper.length === 0) words[name] = hostile.value.make(() => words[name] ?? NIL);
  const conversation = await Conversation.begin(ground, broker);
  const joined = await conversation?.ask(
    request(joinGroup as Api, words, isBorn ? hostile : undefined),
    PATIENCE_MS,
  );
  if (conversation === undefined || joined === undefined) return 'closed';
  const { errorCode, memberId, generationId } = decodeResponse(joined, joinGroup);
  if (errorCode !== 0) {
    conversation.end();
    return 'refused';
  }
  words.memberId = packString(memberId);
  words.generationId = packInteger(generationId);
  words.assignment = packBinary(Buffer.from('what it gets'));
  if (hostile.api.key !== syncGroup.key)
    await conversation.ask(request(syncGroup as Api, words), PATIENCE_MS);
  const later = isBorn ? request(offsetCommit as Api, words) : request(hostile.api, words, hostile);
  const answer = await conversation.ask(later, PATIENCE_MS);
  await conversation.ask(request(leaveGroup as Api, words), PATIENCE_MS);
  conversation.end();
  return answer === undefined ? 'closed' : 'answered';
}

const placeOf = ({ path }: Case) => pathText(path) || 'its body';

/** A FindCoordinator request creates the topic `__consumer_offsets`. */
async function findCoordinatorOnce(ground: Ground): Promise<void> {
  const lane = new Lane(ground, ground.brokers[0]!);
  await lane.send(request(findCoordinator as Api, {}));
  lane.close();
}

async function run(ground: Ground): Promise<void> {
  const cases = casesOf(ground.scale === 1);
  await findCoordinatorOnce(ground);
  let next = 0;
  const work = async (lane: number) => {
    const broker = ground.brokers[lane % ground.brokers.length]!;
    while (!ground.isOver()) {
      const number = next++;
      const hostile = cases[number % cases.length]!;
      const startMs = ground.host.clock.monotonicMs();
      const outcome = await live(ground, broker, number, hostile);
      // A broker may not be the coordinator of the group, or `__consumer_offsets` may not exist yet.
      if (outcome === 'refused') await pause(ground.host.clock, 20);
      ground.log.note({
        id: `hostile-members:${ground.seed}:${number}`,
        what: `${hostile.api.name} of a member with ${hostile.value.name} as ${placeOf(hostile)}`,
        outcome,
        broker,
        tookMs: ground.host.clock.monotonicMs() - startMs,
      });
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, lane) => work(lane)));
}

export const hostileMembers: Attack = {
  name: 'hostile-members',
  sends: 'members of a group that, rightly joined, sync, commit and leave with hostile values in every field',
  expected: 'an error; the group and its coordinator go on',
  run,
};
