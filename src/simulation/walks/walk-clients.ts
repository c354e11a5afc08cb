/**
 * Clients of a walk that use up a broker's memory for large requests, and the rule that other clients must
 * not notice it. A request that arrives in two pieces needs this memory, and normally gets its response at
 * once.
 *
 * OthersAreServed: another broker gets its response while a client holds all the memory with half a request,
 * and another client gets its response while a complete request waits for followers.
 */
import { Connection } from '../../common/host';
import { metadata } from '../../protocol/messages/metadata';
import { offsetForLeaderEpoch, produce } from '../../protocol/messages/produce-fetch';
import { buildBatch } from '../../record/batch-builder';
import { Api } from '../../protocol/schema';
import { encodeRequest } from '../../protocol/wire';
import { SimCluster } from '../sim-cluster';
import { WorldEvent } from '../world';
import { ROOM_BYTES, WalkCluster } from './walk-cluster';

const HELD_MS = 1500;
/** A response that depends on no other broker takes virtually no time. */
const ANSWER_WITHIN_MS = 400;
const BETWEEN_PIECES_MS = 3;
const FIRST_PIECE_BYTES = 300;
const DIAL_MS = 1000;
const PRODUCE_MS = 1200;
/** A request with these names is larger than what is read without asking for memory. */
const NAMES = Array.from({ length: 40 }, (_, i) => `no-such-topic-${i}`);

const frameOf = <Q, R>(api: Api<Q, R>, body: Q): Buffer => Buffer.concat(encodeRequest(api, 1, 'walk', body));

/** A client connection that no other request uses; undefined if it cannot be opened. */
async function dial(cluster: SimCluster, id: number): Promise<Connection | undefined> {
  const dialling = cluster.environment().host.network.dial(`broker-${id}`, 9092, DIAL_MS);
  return cluster.world.complete(
    dialling.catch(() => undefined),
    2 * DIAL_MS,
    'dialling',
  );
}

function largeProduce({ tp, cluster: { world } }: WalkCluster): Buffer {
  const value = Buffer.alloc(ROOM_BYTES, 'x');
  const records = [buildBatch([{ timestamp: Math.floor(world.epochMs + world.nowMs), value }])];
  const topicData = [{ name: tp.topic, partitionData: [{ index: tp.partition, records }] }];
  return frameOf(produce, { acks: -1, timeoutMs: PRODUCE_MS, topicData });
}

function sendInPieces({ world }: SimCluster, connection: Connection, frame: Buffer): void {
  connection.write([frame.subarray(0, FIRST_PIECE_BYTES)]);
  world.schedule(BETWEEN_PIECES_MS, () => connection.write([frame.subarray(FIRST_PIECE_BYTES)]));
}

/** The brokers whose clients must get responses. */
export function openToClients(walk: WalkCluster): number[] {
  const { world } = walk.cluster;
  const isHeld = (id: number) => (walk.roomHeldUntilMs.get(id) ?? 0) > world.nowMs;
  return walk.running.filter((id) => !walk.isPaused(id) && !isHeld(id));
}

/** Whether the broker ran all the time since `sinceMs`, and was not stopped or paused. */
function hasRun({ cluster }: WalkCluster, id: number, generation: number, sinceMs: number): boolean {
  const { host } = cluster.broker(id);
  const stops = ['SIGSTOP', 'SIGCONT', 'SIGTERM'];
  const isStop = ({ time, fault, target }: WorldEvent) =>
    time >= sinceMs && target === id && stops.includes(String(fault));
  return !host.isPaused && host.isAlive(generation) && !cluster.world.timeline.some(isStop);
}

/**
 * The broker must respond, although other clients wait or are slow. Closing the connection counts as a
 * response.
 */
async function ask(walk: WalkCluster, id: number, who: string, frame: Buffer): Promise<void> {
  const {
    cluster,
    cluster: { world },
  } = walk;
  const { generation } = cluster.broker(id).host;
  const sinceMs = world.nowMs;
  let isAnswered = false;
  const connection = await dial(cluster, id);
  if (!connection) return;
  connection.onData(() => {
    isAnswered = true;
  });
  connection.onClose(() => {
    isAnswered = true;
  });
  sendInPieces(cluster, connection, frame);
  world.schedule(ANSWER_WITHIN_MS, () => {
    if (!isAnswered && hasRun(walk, id, generation, sinceMs)) {
      world.violation(`OthersAreServed: broker ${id} did not answer ${who} within ${ANSWER_WITHIN_MS} ms`);
    }
    connection.destroy('asked enough');
  });
}

/**
 * A client sends the first piece of a request that takes all the memory; another broker must get its response
 * meanwhile.
 */
export async function holdRoom(walk: WalkCluster, id: number): Promise<void> {
  const {
    cluster,
    cluster: { world },
  } = walk;
  cluster.event('hold-room', id);
  const frame = largeProduce(walk);
  const topics = NAMES.map((topic) => ({ topic, partitions: [] }));
  const connection = await dial(cluster, id);
  if (!connection) return;
  walk.roomHeldUntilMs.set(id, world.nowMs + 2 * HELD_MS);
  connection.write([frame.subarray(0, FIRST_PIECE_BYTES)]);
  world.schedule(HELD_MS, () => connection.destroy('held enough'));
  await world.run(world.nowMs + 2 * BETWEEN_PIECES_MS);
  const replicaId = (id % walk.ids.length) + 1;
  await ask(walk, id, 'another broker', frameOf(offsetForLeaderEpoch, { replicaId, topics }));
}

/** A client's request takes all the memory and waits for followers; another client must get its response. */
export async function produceLarge(walk: WalkCluster, id: number): Promise<void> {
  const {
    cluster,
    cluster: { world },
  } = walk;
  cluster.event('produce-large', id);
  const connection = await dial(cluster, id);
  if (!connection) return;
  sendInPieces(cluster, connection, largeProduce(walk));
  world.schedule(2 * PRODUCE_MS, () => connection.destroy('waited enough'));
  await world.run(world.nowMs + 4 * BETWEEN_PIECES_MS);
  const body = { topics: NAMES, allTopics: false, allowAutoTopicCreation: false };
  await ask(walk, id, 'another client', frameOf(metadata, body));
}
