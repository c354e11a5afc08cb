/**
 * A broker's own znodes: the cluster id, a generated broker id, and the ephemeral registration that shows
 * that it is alive.
 *
 * Invariant: one multi creates the registration without data and then sets its data, so every reader of data
 * sees all of it; the znode's czxid is the broker epoch. The registration of a session that may be alive and
 * is not ours is never removed.
 *
 * Kafka: zk/KafkaZkClient.scala#{registerBroker,getOrCreateClusterId,generateBrokerSequenceId}@2.8.2
 */
import { BrokerInfo, ProcessEpochs } from '../common/cluster-types';
import { Random } from '../common/host';
import { readEach } from './read-each';
import { isZkError, ZkStat } from './zk-session';
import { ZkConnection } from './zk-connection';
import {
  brokerIdsZnode,
  brokerIdZnode,
  BrokerRegistrationData,
  brokerSequenceIdZnode,
  clusterIdZnode,
  incarnationZnode,
  persistentPaths,
  ZnodeError,
} from './znodes';

export async function createTopLevelPaths(zk: ZkConnection): Promise<void> {
  await Promise.all(persistentPaths.map((path) => zk.ensurePath(path)));
}

/** 16 random bytes in URL-safe base64, the form in which Kafka writes UUIDs. */
export function randomUuid(random: Random): string {
  return random.bytes(16).toString('base64url');
}

/** Reads the cluster id; the first broker of a new cluster creates it. */
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

/** A unique broker id: the version of `/brokers/seqid` after a write, plus reserved.broker.max.id. */
export async function generateBrokerId(zk: ZkConnection, reservedBrokerMaxId: number): Promise<number> {
  const stat = await zk.set(brokerSequenceIdZnode.path, Buffer.alloc(0), -1);
  return stat.version + reservedBrokerMaxId;
}

/**
 * Another session has registered this broker id: start-up must fail (Kafka: "Error while creating
 * ephemeral").
 */
export class BrokerIdTakenError extends Error {
  override readonly name = 'BrokerIdTakenError';
}

/**
 * Registers the broker and returns its broker epoch. A registration left by one of `ourSessions`, the
 * sessions of this broker since its last registration, is removed (KAFKA-7165). Any other throws
 * BrokerIdTakenError. `epochsAt`: the data of the incarnation znode, given the broker epoch.
 */
export async function registerBroker(
  zk: ZkConnection,
  broker: BrokerRegistrationData,
  ourSessions: ReadonlySet<string> = new Set(),
  epochsAt: (brokerEpoch: number) => ProcessEpochs = (epoch) => ({ processEpoch: epoch, keptSince: epoch }),
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
      await registerIncarnation(zk, broker.id, stat.czxid, epochsAt(stat.czxid));
      // If the session was replaced meanwhile, the registration went with the old session.
      if (stat.ephemeralOwner === zk.credentials.id) return stat.czxid;
      continue;
    }
    if (ourSessions.has(stat.ephemeralOwner)) {
      await removeFormer(zk, broker.id, stat);
      continue;
    }
    throw new BrokerIdTakenError(
      `Broker id ${broker.id} is already registered in ZooKeeper by session 0x${stat.ephemeralOwner}. ` +
        'This probably indicates that another broker with the same broker.id is running.',
    );
  }
}

/**
 * Creates the ephemeral znode of this incarnation. From now on leaders may add it to an ISR, because their
 * write checks this znode.
 */
async function registerIncarnation(
  zk: ZkConnection,
  brokerId: number,
  brokerEpoch: number,
  epochs: ProcessEpochs,
): Promise<void> {
  for (;;) {
    try {
      await zk.create(
        incarnationZnode.path(brokerId, brokerEpoch),
        incarnationZnode.encode(epochs),
        'ephemeral',
      );
      return;
    } catch (error) {
      if (isZkError(error, 'NODE_EXISTS')) return;
      if (isZkError(error, 'NO_NODE')) await zk.ensurePath(incarnationZnode.parent);
      else if (!isZkError(error, 'CONNECTION_LOSS')) throw error;
    }
  }
}

/** Whether this incarnation of the broker is registered. */
export async function isRegistered(
  zk: ZkConnection,
  brokerId: number,
  brokerEpoch: number,
): Promise<boolean> {
  return (await zk.exists(incarnationZnode.path(brokerId, brokerEpoch))) !== null;
}

/**
 * Removes both znodes of our former session in one multi: while that session lives, an incarnation znode
 * without a registration would still let leaders add the former incarnation to an ISR.
 */
async function removeFormer(zk: ZkConnection, brokerId: number, { czxid, version }: ZkStat): Promise<void> {
  const registration = { type: 'delete' as const, path: brokerIdZnode.path(brokerId), version };
  const incarnation = { type: 'delete' as const, path: incarnationZnode.path(brokerId, czxid), version: -1 };
  try {
    await zk.multi([incarnation, registration]);
  } catch (error) {
    if (!isZkError(error, 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
    // The former session ended before it created its incarnation znode.
    const isUnmarked = error.code === 'NO_NODE' && error.failedOp === 0;
    if (isUnmarked) await deleteIfThere(zk, registration);
  }
}

async function deleteIfThere(
  zk: ZkConnection,
  { path, version }: { path: string; version: number },
): Promise<void> {
  try {
    await zk.delete(path, version);
  } catch (error) {
    if (!isZkError(error, 'NO_NODE', 'BAD_VERSION', 'CONNECTION_LOSS')) throw error;
  }
}

/**
 * The epochs that the process of a registered broker told. They are lower than its broker epoch if its
 * session expired since, or if it kept what it had written over a restart, and equal to it if the znode
 * cannot be decoded. Undefined while the broker has not yet created its incarnation znode.
 */
export async function readProcessEpochs(
  zk: ZkConnection,
  { id, epoch }: BrokerInfo,
): Promise<ProcessEpochs | undefined> {
  const znode = await zk.get(incarnationZnode.path(id, epoch));
  if (!znode) return undefined;
  const told = incarnationZnode.decode(znode.data) ?? { processEpoch: epoch, keptSince: epoch };
  const { processEpoch, keptSince } = told;
  return { ...told, processEpoch: Math.min(epoch, processEpoch), keptSince: Math.min(epoch, keptSince) };
}

export interface ReadBrokersOptions {
  readonly onBad?: (reason: string) => void;
  /**
   * By id: if a registration was damaged after it was read, the content read before is used, provided that
   * the broker epoch is the same.
   */
  readonly known?: ReadonlyMap<number, BrokerInfo>;
  /**
   * Called with all ids before their znodes are read, so that handlers registered here get their watches set.
   */
  readonly onIds?: (ids: readonly number[]) => void;
}

/**
 * All registered brokers in the order of their ids, read in parallel. Registrations that disappear meanwhile
 * or cannot be decoded are left out.
 */
export async function readBrokers(zk: ZkConnection, options: ReadBrokersOptions = {}): Promise<BrokerInfo[]> {
  const onBad = options.onBad ?? (() => {});
  const names = ((await zk.children(brokerIdsZnode.path)) ?? []).filter((name) => /^\d+$/.test(name));
  const ids = names.map(Number).sort((a, b) => a - b);
  options.onIds?.(ids);
  const brokers = await readEach(
    ids,
    async (id) => {
      const znode = await zk.get(brokerIdZnode.path(id));
      if (znode === null) return undefined;
      const before = options.known?.get(id);
      try {
        // Older versions of Kafka create the znode empty and set the data in a second request.
        return znode.data.length === 0 && before === undefined
          ? undefined
          : brokerIdZnode.decode(id, znode.data, znode.stat.czxid);
      } catch (error) {
        if (!(error instanceof ZnodeError) || before?.epoch !== znode.stat.czxid) throw error;
        onBad(error.message);
        return before;
      }
    },
    (_, reason) => onBad(reason),
  );
  return [...brokers.values()];
}
