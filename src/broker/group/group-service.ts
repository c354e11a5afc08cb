/**
 * The group coordinator as the broker sees it: put together, started, told of leadership, and asked by the
 * router.
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
  /** The partitions of `__consumer_offsets` in ZooKeeper; undefined where it does not exist. */
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
    // The two know each other: a rebalance stores its outcome, and a loaded group's members get their clocks.
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

  /** Before the broker registers: nobody may ask for a group while the number of partitions is not known. */
  async start(): Promise<void> {
    await this.offsetsTopic
      .partitionCount()
      .catch((error) => this.log.warn(`The offsets topic cannot be read yet: ${messageOf(error)}`));
    this.groups.start();
  }

  /** As this broker has it; undefined where it does not answer for the group, or knows nothing of it. */
  group(groupId: string): Group | undefined {
    return this.groups.ownership(groupId) === 'NONE' ? this.groups.get(groupId) : undefined;
  }

  close(): void {
    this.groups.close();
  }
}

/** Who sent the request, as Kafka writes it down: an address with a slash before it. */
export function callerOf({ header, remoteAddress }: RequestContext): Caller {
  return {
    clientId: header.clientId ?? '',
    clientHost: `/${remoteAddress.replace(/^::ffff:/, '').replace(/:\d+$/, '')}`,
  };
}
