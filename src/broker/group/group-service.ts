/**
 * The group coordinator as the broker uses it: creates its parts, starts them, and passes leadership changes
 * on.
 *
 * Kafka: coordinator/group/GroupCoordinator.scala#apply@2.8.2
 */
import { GROUP_METADATA_TOPIC, TopicPartition } from '../../common/cluster-types';
import { messageOf } from '../../common/errors';
import { Host, Log } from '../../common/host';
import { RequestContext } from '../../network/server-connection';
import { BrokerConfig } from '../broker-config';
import { MetadataCache } from '../metadata-cache';
import { ReplicaManager } from '../replica-manager';
import { Caller, GroupCoordinator } from './group-coordinator';
import { Group } from './group-metadata';
import { GroupMetadataManager } from './group-metadata-manager';
import { GroupOffsets } from './group-offsets';
import { GroupRebalance } from './group-rebalance';
import { OffsetsTopic } from './offsets-topic';

export interface GroupServiceDeps {
  readonly host: Host;
  readonly config: BrokerConfig;
  readonly cache: MetadataCache;
  readonly replicas: ReplicaManager;
  /** The number of partitions of `__consumer_offsets` in ZooKeeper; undefined if it does not exist. */
  readonly readPartitionCount: () => Promise<number | undefined>;
}

export class GroupService {
  readonly coordinator: GroupCoordinator;
  readonly offsets: GroupOffsets;
  readonly offsetsTopic: OffsetsTopic;
  private readonly groups: GroupMetadataManager;
  private readonly log: Log;

  constructor({ host, config, cache, replicas, readPartitionCount }: GroupServiceDeps) {
    const log = (this.log = host.log.child('GroupCoordinator'));
    const offsetsTopic = (this.offsetsTopic = new OffsetsTopic({
      readPartitionCount,
      isKnown: () => cache.partitions(GROUP_METADATA_TOPIC) !== undefined,
    }));
    // These two need each other: a rebalance stores its result, and a loaded group needs session timers for
    // its members.
    const groups: GroupMetadataManager = new GroupMetadataManager({
      host,
      log,
      config,
      replicas,
      offsetsTopic,
      onLoaded: (group) => rebalance.resume(group),
      onUnloaded: (group) => rebalance.abandon(group),
    });
    const rebalance = new GroupRebalance(host, log, config, groups);
    this.groups = groups;
    this.coordinator = new GroupCoordinator(host, log, config, groups, rebalance);
    this.offsets = new GroupOffsets({
      host,
      config,
      groups,
      coordinator: this.coordinator,
      rebalance,
      partitionExists: (tp) => cache.has(tp),
    });
    replicas.onLeadershipChange((tp, leaderEpoch, isLeader) =>
      this.leadershipChanged(tp, leaderEpoch, isLeader),
    );
  }

  private leadershipChanged(
    { topic, partition }: TopicPartition,
    leaderEpoch: number,
    isLeader: boolean,
  ): void {
    if (topic === GROUP_METADATA_TOPIC) this.groups.leadershipChanged(partition, leaderEpoch, isLeader);
  }

  /**
   * Called before the broker registers, so that the number of partitions is known when the first group
   * request arrives.
   */
  async start(): Promise<void> {
    await this.offsetsTopic
      .partitionCount()
      .catch((error) => this.log.warn(`The offsets topic cannot be read yet: ${messageOf(error)}`));
    this.groups.start();
  }

  /** The group; undefined if this broker does not coordinate it or has not loaded it, or if it is unknown. */
  group(groupId: string): Group | undefined {
    return this.groups.ownership(groupId) === 'NONE' ? this.groups.get(groupId) : undefined;
  }

  close(): void {
    this.groups.close();
  }
}

/** The client of a request. Kafka writes its address with a slash in front. */
export function callerOf({ header, remoteAddress }: RequestContext): Caller {
  return {
    clientId: header.clientId ?? '',
    clientHost: `/${remoteAddress.replace(/^::ffff:/, '').replace(/:\d+$/, '')}`,
  };
}
