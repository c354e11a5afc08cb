/**
 * Attaches the moment checks to a simulated cluster: to the writes that ZooKeeper applies, to the events of
 * brokers, and to power cuts. The workload reports acknowledgements to the checker itself: `acked(tp,
 * offset)`.
 */
import { StateWriteChecker } from '../checkers/check-cluster';
import { CountedFollower } from '../checkers/incarnations';
import { ClusterView, MomentChecker, ReplicaView } from '../checkers/moment-checks';
import { FollowedReplica, StarvationChecker } from '../checkers/starvation';
import { TopicPartition, tpName } from '../common/cluster-types';
import { Log } from '../log/log';
import { CLEAN_MARKER } from '../log/log-dir';
import { batchesOf } from '../record/record-batch';
import { brokerIdZnode, controllerEpochZnode, incarnationZnode, partitionStateZnode } from '../zk/znodes';
import { GroupChecker } from './group-checks';
import { SimCluster } from './sim-cluster';
import { WorldEvent } from './world';

const STATE_PATH = /^\/brokers\/topics\/([^/]+)\/partitions\/(\d+)\/state$/;

export interface CheckOptions {
  /** Topics with unclean elections: after one, older records are no longer promised. */
  readonly isUncleanAllowed?: (tp: TopicPartition) => boolean;
}

function batchCrc(log: Log, offset: number): number | undefined {
  if (log.config['cleanup.policy'].includes('compact')) return undefined;
  try {
    for (const chunk of log.read(offset, log.logEndOffset, 1, true)) {
      for (const batch of batchesOf(chunk)) if (batch.lastOffset >= offset) return batch.crc;
    }
  } catch {
    // The simulated disk fails at the moment, so its content is not known.
  }
  return undefined;
}

function viewOf(cluster: SimCluster, { isUncleanAllowed }: CheckOptions): ClusterView {
  return {
    state: (tp) => cluster.stateOf(tp),
    replica: (brokerId, tp): ReplicaView | undefined => {
      const partition = cluster.partitionOf(brokerId, tp);
      if (!partition || partition.isOffline) return undefined;
      const { isLeader, leaderEpoch, maximalIsr, log } = partition;
      const { logStartOffset, logEndOffset } = log;
      return {
        isLeader,
        leaderEpoch,
        maximalIsr,
        logStartOffset,
        logEndOffset,
        batchCrc: (offset) => batchCrc(log, offset),
      };
    },
    isUncleanAllowed: isUncleanAllowed ?? (() => false),
    registration: (brokerId) => registrationOf(cluster, brokerId),
    zxid: () => cluster.zookeeper.tree.zxid,
  };
}

function registrationOf({ zookeeper: { tree } }: SimCluster, brokerId: number) {
  const brokerEpoch = tree.exists(brokerIdZnode.path(brokerId))?.czxid;
  if (brokerEpoch === undefined) return undefined;
  const incarnation = tree.peek(incarnationZnode.path(brokerId, brokerEpoch));
  const { processEpoch = brokerEpoch } = (incarnation && incarnationZnode.decode(incarnation.data)) ?? {};
  return { brokerEpoch, processEpoch };
}

/** Whether the broker says that it may have lost what it had when the partition's state was written. */
export function hasLostSince(
  { zookeeper: { tree } }: SimCluster,
  tp: TopicPartition,
  brokerId: number,
): boolean {
  const brokerEpoch = tree.exists(brokerIdZnode.path(brokerId))?.czxid ?? -1;
  const incarnation = tree.peek(incarnationZnode.path(brokerId, brokerEpoch));
  const { keptSince = brokerEpoch } = (incarnation && incarnationZnode.decode(incarnation.data)) ?? {};
  return keptSince > (tree.exists(partitionStateZnode.path(tp))?.mzxid ?? Infinity);
}

function followedReplicas(cluster: SimCluster): FollowedReplica[] {
  return cluster.brokers
    .filter(({ id }) => cluster.isRunning(id))
    .flatMap(({ id: broker, broker: process }) => {
      return process!.replicas.fetchers.all.flatMap(({ leaderId: leader, fetcher }) => {
        return fetcher.passedOver.map(({ partition: { tp, leaderEpoch, log }, passedOver }) => {
          const led = cluster.partitionOf(leader, tp);
          return {
            broker,
            leader,
            tp,
            leaderEpoch,
            passedOver,
            logEndOffset: log.logEndOffset,
            partitions: fetcher.size,
            leaderEndOffset: led?.isLeader ? led.log.logEndOffset : undefined,
          };
        });
      });
    });
}

/** What the leaders of the partitions know of their followers. */
export function countedFollowers(cluster: SimCluster, tps: readonly TopicPartition[]): CountedFollower[] {
  const running = cluster.brokers.filter(({ id }) => cluster.isRunning(id));
  return running.flatMap(({ id: leader, host: { generation } }) => {
    return tps.flatMap((tp) => {
      const replica = cluster.partitionOf(leader, tp);
      if (!replica?.isLeader) return [];
      const { leaderEpoch } = replica;
      return [...replica.followerProgress()].map(([follower, { brokerEpoch }]) => ({
        leader,
        generation,
        tp,
        leaderEpoch,
        follower,
        brokerEpoch,
      }));
    });
  });
}

function tpOf({ topic, partition }: WorldEvent): TopicPartition {
  return { topic: topic as string, partition: partition as number };
}

/** Of a host named broker-N. */
function brokerNumber(host: unknown): number {
  return Number(String(host).replace('broker-', ''));
}

function powerLost(cluster: SimCluster, checker: MomentChecker, brokerId: number): void {
  const { disk } = cluster.broker(brokerId).host;
  const areLogsClosed = cluster.logDirsOf(brokerId).every((dir) => disk.exists(`${dir}/${CLEAN_MARKER}`));
  checker.powerLost(brokerId, areLogsClosed);
}

function hear(cluster: SimCluster, checker: MomentChecker, event: WorldEvent): void {
  const broker = event.broker as number;
  switch (event.what) {
    case 'became-leader':
    case 'became-follower':
      return checker.roleTaken(tpOf(event), broker);
    case 'high-watermark-moved':
      return checker.committed(tpOf(event), broker, event.to as number);
    case 'truncated':
      return checker.truncated(tpOf(event), broker, event.from as number, event.to as number);
    case 'log-dir-failed':
      // The broker may count as one that lost records, even where the disk was only full (0020).
      return checker.logDirFailed(brokerNumber(event.who));
    case 'broker-registered':
      return cluster.offlineDirs(broker) > 0 ? undefined : checker.registeredWhole(broker);
    case 'fault':
      if (event.fault === 'power cut') powerLost(cluster, checker, event.target as number);
  }
}

/**
 * Checks every write of a partition state, every change of role, high watermark, truncation and
 * acknowledgement when it happens.
 */
export function attachChecks(cluster: SimCluster, options: CheckOptions = {}): MomentChecker {
  const {
    world,
    zookeeper: { tree, onWrite },
  } = cluster;
  const report = (violation: string) => world.violation(violation);
  const moments = new MomentChecker(viewOf(cluster, options), report);
  const states = new StateWriteChecker(report);
  onWrite.push((changes) => {
    for (const { change, path } of changes) {
      if (change === 'children') continue;
      if (path === controllerEpochZnode.path && change !== 'deleted') {
        states.controllerEpochWritten(controllerEpochZnode.decode(tree.get(path).data));
      }
      const match = STATE_PATH.exec(path);
      if (!match) continue;
      const tp = { topic: match[1]!, partition: Number(match[2]) };
      moments.stateWritten(tp);
      if (change === 'deleted') continue;
      const { data, stat } = tree.get(path);
      const state = partitionStateZnode.decode(tp, data, stat.version);
      states.stateWritten(tpName(tp), state, cluster.assignmentOf(tp));
    }
  });
  const starvation = new StarvationChecker(report);
  const groups = new GroupChecker(cluster);
  world.onEvent.push((event) => {
    groups.hear(event);
    hear(cluster, moments, event);
    if (event.what === 'high-watermark-moved') starvation.looked(followedReplicas(cluster));
  });
  return moments;
}
