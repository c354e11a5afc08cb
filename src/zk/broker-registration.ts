/**
 * What a broker does in ZooKeeper about itself: cluster id, broker id, and the ephemeral znode that says it
 * lives.
 *
 * Invariant: the znode is made by one multi (create without data, then set), so whoever sees data sees the
 * registration whole; its czxid is the broker epoch. A znode of another living session is never touched.
 *
 * Kafka: zk/KafkaZkClient.scala#{registerBroker,getOrCreateClusterId,generateBrokerSequenceId}@2.8.2
 */
import { BrokerInfo } from '../common/cluster-types';
import { Random } from '../common/host';
import { readEach } from './read-each';
import { isZkError, ZkStat } from './zk-session';
import { ZkConnection } from './zk-connection';
import {
  brokerIdsZnode, brokerIdZnode, BrokerRegistrationData, brokerSequenceIdZnode, clusterIdZnode, incarnationZnode, persistentPaths, ZnodeError,
} from './znodes';

export async function createTopLevelPaths(zk: ZkConnection): Promise<void> {
  await Promise.all(persistentPaths.map((path) => zk.ensurePath(path)));
}

/** 16 random bytes in URL-safe base64, as Kafka writes UUIDs. */
export function randomUuid(random: Random): string {
  return random.bytes(16).toString('base64url');
}

/** The cluster's id, made by whoever comes first. */
export async function getOrCreateClusterId(zk: ZkConnection, random: Random): Promise<string> {
  for (;;) {
    const known = await zk.get(clusterIdZnode.path);
    if (known) return clusterIdZnode.decode(known.data);
    await zk.ensurePath('/cluster');
    try {
      await zk.create(clusterIdZnode.path, clusterIdZnode.encode(randomUuid(random)));
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** An id nobody else gets: the version of `/brokers/seqid` after a write, plus reserved.broker.max.id. */
export async function generateBrokerId(zk: ZkConnection, reservedBrokerMaxId: number): Promise<number> {
  const stat = await zk.set(brokerSequenceIdZnode.path, Buffer.alloc(0), -1);
  return stat.version + reservedBrokerMaxId;
}

/** Somebody else holds our broker id: start-up must fail (Kafka: "Error while creating ephemeral"). */
export class BrokerIdTakenError extends Error {
  override readonly name = 'BrokerIdTakenError';
}

/**
 * Registers the broker; resolves with its broker epoch. A znode left by one of `ourSessions`, those this
 * process had since it registered last, is removed (KAFKA-7165); anybody else's is BrokerIdTakenError.
 * `processEpoch`: what this process registered with first; undefined: this is the first time.
 */
export async function registerBroker(
  zk: ZkConnection, broker: BrokerRegistrationData, ourSessions: ReadonlySet<string> = new Set(), processEpoch?: number,
): Promise<number> {
  const path = brokerIdZnode.path(broker.id);
  for (;;) {
    try {
      await zk.multi([
        { type: 'create', path, data: null, mode: 'ephemeral' },
        { type: 'set', path, data: brokerIdZnode.encode(broker), version: 0 },
      ]);
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
    }
    const stat = await zk.exists(path);
    if (stat === null) continue;
    if (stat.ephemeralOwner === zk.credentials.id) {
      await registerIncarnation(zk, broker.id, stat.czxid, processEpoch ?? stat.czxid);
      // If the session was replaced meanwhile, that registration is gone.
      if (stat.ephemeralOwner === zk.credentials.id) return stat.czxid;
      continue;
    }
    if (ourSessions.has(stat.ephemeralOwner)) {
      await removeFormer(zk, broker.id, stat);
      continue;
    }
    throw new BrokerIdTakenError(`Broker id ${broker.id} is already registered in ZooKeeper by session 0x${stat.ephemeralOwner}. `
      + 'This probably indicates that another broker with the same broker.id is running.');
  }
}

/** From here on leaders may take this incarnation into the ISR; the znode ends with the session. */
async function registerIncarnation(
  zk: ZkConnection, brokerId: number, brokerEpoch: number, processEpoch: number,
): Promise<void> {
  for (;;) {
    try {
      await zk.create(incarnationZnode.path(brokerId, brokerEpoch), incarnationZnode.encode(processEpoch), 'ephemeral');
      return;
    } catch (error) {
      if (isZkError(error, 'NODE_EXISTS')) return;
      if (isZkError(error, 'NO_NODE')) await zk.ensurePath(incarnationZnode.parent);
      else if (!isZkError(error, 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** Whether that incarnation of the broker is registered. */
export async function isRegistered(zk: ZkConnection, brokerId: number, brokerEpoch: number): Promise<boolean> {
  return await zk.exists(incarnationZnode.path(brokerId, brokerEpoch)) !== null;
}

/** Together: while a former session lives, nothing else would say that its incarnation is gone. */
async function removeFormer(zk: ZkConnection, brokerId: number, { czxid, version }: ZkStat): Promise<void> {
  const registration = { type: 'delete' as const, path: brokerIdZnode.path(brokerId), version };
  const incarnation = { type: 'delete' as const, path: incarnationZnode.path(brokerId, czxid), version: -1 };
  try {
    await zk.multi([incarnation, registration]);
  } catch (error) {
    if (!isZkError(error, 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
    // It ended before it made that znode.
    const isUnmarked = error.code === 'NO_NODE' && error.failedOp === 0;
    if (isUnmarked) await deleteIfThere(zk, registration);
  }
}

async function deleteIfThere(zk: ZkConnection, { path, version }: { path: string; version: number }): Promise<void> {
  try {
    await zk.delete(path, version);
  } catch (error) {
    if (!isZkError(error, 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
  }
}

/**
 * The broker epoch that the process of a registered broker registered with first: lower than its broker epoch
 * if its session expired since; its broker epoch where that cannot be read. Undefined while the broker has
 * not finished to register.
 */
export async function readProcessEpoch(
  zk: ZkConnection, { id, epoch }: BrokerInfo,
): Promise<number | undefined> {
  const znode = await zk.get(incarnationZnode.path(id, epoch));
  return znode ? Math.min(epoch, incarnationZnode.decode(znode.data) ?? epoch) : undefined;
}

export interface ReadBrokersOptions {
  readonly onBad?: (reason: string) => void;
  /**
   * By id: a registration that was damaged after it was read counts as it was, if the incarnation is the
   * same.
   */
  readonly known?: ReadonlyMap<number, BrokerInfo>;
  /** Called with all ids before they are read, as the moment to register data handlers. */
  readonly onIds?: (ids: readonly number[]) => void;
}

/**
 * All registered brokers by id, read in parallel; ones that vanish meanwhile, or cannot be read, are left
 * out.
 */
export async function readBrokers(zk: ZkConnection, options: ReadBrokersOptions = {}): Promise<BrokerInfo[]> {
  const onBad = options.onBad ?? (() => {});
  const names = (await zk.children(brokerIdsZnode.path) ?? []).filter((name) => /^\d+$/.test(name));
  const ids = names.map(Number).sort((a, b) => a - b);
  options.onIds?.(ids);
  const brokers = await readEach(ids, async (id) => {
    const znode = await zk.get(brokerIdZnode.path(id));
    if (znode === null) return undefined;
    const before = options.known?.get(id);
    try {
      // Between the create and the set of an older Kafka's registration the znode is empty.
      return znode.data.length === 0 && before === undefined ? undefined : brokerIdZnode.decode(id, znode.data, znode.stat.czxid);
    } catch (error) {
      if (!(error instanceof ZnodeError) || before?.epoch !== znode.stat.czxid) throw error;
      onBad(error.message);
      return before;
    }
  }, (_, reason) => onBad(reason));
  return [...brokers.values()];
}
