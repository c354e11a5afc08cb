/**
 * The groups that this broker coordinates: those whose partition of `__consumer_offsets` it leads. Keeps them
 * in memory, writes their changes to the partition, loads them when the broker becomes leader, and removes
 * them when it no longer is.
 *
 * Invariants: a commit is visible only after every in-sync replica has its record. While a partition is being
 * loaded, its groups get COORDINATOR_LOAD_IN_PROGRESS, and a failed load is retried. A broker that becomes
 * leader takes the groups from the log only.
 *
 * Kafka: coordinator/group/GroupMetadataManager.scala@2.8.2
 */
import { GROUP_METADATA_TOPIC, TopicPartition } from '../../common/cluster-types';
import { inBackground } from '../../common/background';
import { ErrorName, InvariantError, messageOf, stackOf } from '../../common/errors';
import { Host, Log as Logger, sleep, Timer } from '../../common/host';
import { buildBatch, recompress } from '../../record/batch-builder';
import { CompressionType, compressionTypes } from '../../record/compression';
import { RecordBatch } from '../../record/record-batch';
import { BrokerConfig } from '../broker-config';
import { ReplicaManager } from '../replica-manager';
import { StartedAppend, startAppend, whenAllCommitted } from '../replicated-append';
import { commitError, groupError } from './group-errors';
import { loadGroups } from './group-loader';
import { Group } from './group-metadata';
import {
  CommittedOffset,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
} from './group-records';
import { OffsetsTopic } from './offsets-topic';

/** The delay before a failed load is retried; it doubles with each failure. */
const LOAD_RETRY_MS = 500;
const LOAD_RETRY_MAX_MS = 30_000;

export interface GroupMetadataDeps {
  readonly host: Host;
  readonly log: Logger;
  readonly config: BrokerConfig;
  readonly replicas: ReplicaManager;
  readonly offsetsTopic: OffsetsTopic;
  /** A group was loaded: the session timeouts of its members start. */
  readonly onLoaded: (group: Group) => void;
  /** Another broker coordinates the group from now on: waiting requests must be answered. */
  readonly onUnloaded: (group: Group) => void;
}

interface OwnedPartition {
  leaderEpoch: number;
  state: 'loading' | 'failed' | 'loaded';
}

interface GroupRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export type Ownership =
  'NONE' | 'NOT_COORDINATOR' | 'COORDINATOR_LOAD_IN_PROGRESS' | 'COORDINATOR_NOT_AVAILABLE';

export class GroupMetadataManager {
  private readonly groups = new Map<string, Group>();
  private readonly owned = new Map<number, OwnedPartition>();
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(private readonly deps: GroupMetadataDeps) {}

  private get now(): number {
    return this.deps.host.clock.wallMs();
  }

  start(): void {
    this.timer = this.deps.host.clock.schedule(
      this.deps.config['offsets.retention.check.interval.ms'],
      () => {
        inBackground(this.deps.log, 'Expiring offsets', this.expireOffsets());
        if (!this.isClosed) this.start();
      },
    );
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const partition of [...this.owned.keys()]) this.resign(partition);
  }

  /** NONE, or the error for requests about the group on this broker. */
  ownership(groupId: string): Ownership {
    const partition = this.deps.offsetsTopic.partitionOf(groupId);
    const owned = partition === undefined ? undefined : this.owned.get(partition);
    if (owned === undefined) return 'NOT_COORDINATOR';
    if (owned.state === 'failed') return 'COORDINATOR_NOT_AVAILABLE';
    return owned.state === 'loading' ? 'COORDINATOR_LOAD_IN_PROGRESS' : 'NONE';
  }

  get isLoading(): boolean {
    return [...this.owned.values()].some((one) => one.state !== 'loaded');
  }
  get all(): readonly Group[] {
    return [...this.groups.values()];
  }

  get(groupId: string): Group | undefined {
    return this.groups.get(groupId);
  }

  getOrCreate(groupId: string): Group {
    let group = this.groups.get(groupId);
    if (!group) this.groups.set(groupId, (group = new Group(groupId, this.now)));
    return group;
  }

  /** The leader of a partition of `__consumer_offsets` changed, or its leader epoch. */
  leadershipChanged(partition: number, leaderEpoch: number, isLeader: boolean): void {
    if (this.isClosed) return;
    if (!isLeader) return this.resign(partition);
    const known = this.owned.get(partition);
    if (known) {
      // The same leader in a new epoch: no other broker wrote to the log in between, so the groups in memory
      // are still valid.
      known.leaderEpoch = Math.max(known.leaderEpoch, leaderEpoch);
      return;
    }
    const owned: OwnedPartition = { leaderEpoch, state: 'loading' };
    this.owned.set(partition, owned);
    inBackground(this.deps.log, `Loading partition ${partition}`, this.load(partition, owned));
  }

  private resign(partition: number): void {
    if (!this.owned.delete(partition)) return;
    this.deps.host.event({ what: 'group-unloaded', partition });
    for (const group of this.all) {
      if (this.deps.offsetsTopic.partitionOf(group.groupId) !== partition) continue;
      this.groups.delete(group.groupId);
      this.deps.onUnloaded(group);
    }
  }

  /** Retries until the partition is loaded, or this broker no longer leads it. */
  private async load(partition: number, owned: OwnedPartition): Promise<void> {
    const { host, log } = this.deps;
    for (let backoffMs = LOAD_RETRY_MS; ; backoffMs = Math.min(backoffMs * 2, LOAD_RETRY_MAX_MS)) {
      try {
        return await this.loadOnce(partition, owned);
      } catch (error) {
        if (this.owned.get(partition) !== owned) return;
        owned.state = 'failed';
        log.error(
          `Loading ${GROUP_METADATA_TOPIC}-${partition} failed, to be tried again in ${backoffMs} ms: ` +
            `${messageOf(error)}`,
        );
      }
      await sleep(host.clock, backoffMs);
      if (this.owned.get(partition) !== owned) return;
    }
  }

  private async loadOnce(partition: number, owned: OwnedPartition): Promise<void> {
    const { host, log: logger, config, replicas, offsetsTopic, onLoaded } = this.deps;
    const log = replicas.get({ topic: GROUP_METADATA_TOPIC, partition })?.log;
    if (!log) throw new Error('there is no log');
    host.event({ what: 'group-load-started', partition, leaderEpoch: owned.leaderEpoch });
    const isCurrent = () => this.owned.get(partition) === owned;
    if ((await offsetsTopic.partitionCount()) === undefined)
      throw new Error('ZooKeeper does not have the topic');
    if (!isCurrent()) return;
    const image = await loadGroups({
      clock: host.clock,
      logger,
      log,
      bufferSize: config['offsets.load.buffer.size'],
      isCurrent,
    });
    if (image === undefined) return;
    await whenAllCommitted(replicas, log, {
      isWanted: isCurrent,
      pollMs: config['offsets.commit.timeout.ms'],
    });
    if (!isCurrent()) return;
    const loaded = image.groups(this.now, (groupId) => offsetsTopic.partitionOf(groupId) === partition);
    owned.state = 'loaded';
    for (const [id, group] of loaded) {
      this.groups.set(id, group);
      onLoaded(group);
    }
    const offsets = [...loaded.values()].reduce((sum, group) => sum + group.offsets.size, 0);
    logger.info(
      `Loaded ${loaded.size} groups and ${offsets} offsets from ${GROUP_METADATA_TOPIC}-${partition}`,
    );
    host.event({
      what: 'group-loaded',
      partition,
      groups: loaded.size,
      offsets,
      leaderEpoch: owned.leaderEpoch,
    });
  }

  /** Appends the group's records. If they cannot be written, only this append fails. */
  private startAppend(groupId: string, recordsOf: () => readonly GroupRecord[]): StartedAppend {
    const refused = (error: ErrorName) => ({ baseOffset: -1, outcome: Promise.resolve(error) });
    const { offsetsTopic, config, replicas, log } = this.deps;
    const partition = offsetsTopic.partitionOf(groupId);
    if (partition === undefined) return refused('NOT_LEADER_OR_FOLLOWER');
    const tp = { topic: GROUP_METADATA_TOPIC, partition };
    try {
      return startAppend(replicas, tp, this.batchOf(recordsOf()), config['offsets.commit.timeout.ms']);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      log.error(`The records of group ${groupId} cannot be written: ${stackOf(error)}`);
      return refused('UNKNOWN_SERVER_ERROR');
    }
  }

  private batchOf(records: readonly GroupRecord[]): Buffer {
    const timestamp = this.now;
    const batch = buildBatch(records.map(({ key, value }) => ({ timestamp, key, value })));
    const codec = compressionTypes[this.deps.config['offsets.topic.compression.codec']] as CompressionType;
    return codec === 'none' ? batch : recompress(new RecordBatch(batch), codec);
  }

  /**
   * Writes generation, members and assignment of the group. Resolves with NONE when the record is committed.
   */
  async storeGroup(group: Group, assignments: ReadonlyMap<string, Buffer>): Promise<ErrorName> {
    const { generation } = group;
    const { baseOffset, outcome } = this.startAppend(group.groupId, () => [
      { key: encodeGroupKey(group.groupId), value: encodeGroupValue(group.toStored(assignments)) },
    ]);
    this.deps.host.event({
      what: 'group-store-started',
      group: group.groupId,
      generation,
      offset: baseOffset,
    });
    const error = await outcome;
    this.deps.host.event({
      what: 'group-stored',
      group: group.groupId,
      generation,
      offset: baseOffset,
      error,
    });
    if (error !== 'NONE')
      this.deps.log.warn(`Group ${group.groupId}, generation ${generation}, could not be stored: ${error}`);
    return groupError(error);
  }

  /** Writes offsets in one batch. They can be fetched when every in-sync replica has them. */
  async storeOffsets(
    group: Group,
    offsets: readonly { readonly tp: TopicPartition; readonly committed: CommittedOffset }[],
  ): Promise<ErrorName> {
    const { groupId, generation } = group;
    const tps = offsets.map(({ tp }) => tp);
    const { baseOffset, outcome } = this.startAppend(groupId, () =>
      offsets.map(({ tp, committed }) => ({
        key: encodeOffsetKey(groupId, tp),
        value: encodeOffsetValue(committed),
      })),
    );
    group.offsets.started(tps);
    if (baseOffset >= 0)
      this.deps.host.event({ what: 'offset-commit-started', group: groupId, generation, offset: baseOffset });
    const error = await outcome;
    this.deps.host.event({
      what: 'offset-commit-stored',
      group: groupId,
      generation,
      offset: baseOffset,
      error,
    });
    if (error === 'NONE')
      offsets.forEach(({ tp, committed }, i) => group.offsets.completed(tp, committed, baseOffset + i));
    else group.offsets.failed(tps);
    return commitError(error);
  }

  /**
   * Deletes offsets, and with the last one an empty group. Resolves with NONE when the tombstones are
   * committed. If they cannot be written, nothing is deleted.
   */
  async forgetOffsets(group: Group, tps: readonly TopicPartition[]): Promise<ErrorName> {
    const known = tps.filter((tp) => group.offsets.get(tp) !== undefined);
    const isLast = group.is('Empty') && !group.offsets.hasPending && known.length === group.offsets.size;
    const isStored = isLast && group.generation > 0;
    const tombstones = () => {
      const keys = known.map((tp) => encodeOffsetKey(group.groupId, tp));
      if (isStored) keys.push(encodeGroupKey(group.groupId));
      return keys.map((key) => ({ key, value: null }));
    };
    const append = known.length > 0 || isStored ? this.startAppend(group.groupId, tombstones) : undefined;
    if (append && append.baseOffset < 0) return groupError(await append.outcome);
    known.forEach((tp, i) => group.offsets.forgotten(tp, append!.baseOffset + i));
    if (isLast) {
      group.transitionTo('Dead', this.now);
      this.groups.delete(group.groupId);
      this.deps.log.info(`Group ${group.groupId} transitioned to Dead in generation ${group.generation}`);
    }
    return append ? groupError(await append.outcome) : 'NONE';
  }

  /** The offsets whose retention time is over. Kafka: GroupMetadata#removeExpiredOffsets */
  private expired(group: Group): TopicPartition[] {
    const retentionMs = this.deps.config['offsets.retention.minutes'] * 60_000;
    const now = this.now;
    const isOver = (committed: CommittedOffset, sinceMs: number) =>
      committed.expireTimestamp >= 0 ? now >= committed.expireTimestamp : now - sinceMs >= retentionMs;
    const due = (
      since: (committed: CommittedOffset) => number,
      except: (topic: string) => boolean = () => false,
    ) =>
      group.offsets.all
        .filter(
          ({ tp, committed }) =>
            !except(tp.topic) && !group.offsets.isPending(tp) && isOver(committed, since(committed)),
        )
        .map(({ tp }) => tp);
    // The group has never had members: every offset expires by its own age.
    if (group.protocolType === null) return due((committed) => committed.commitTimestamp);
    // Kafka uses only the time at which the group became empty, so it may delete a commit made a moment ago
    // to a group that has been empty for long.
    if (group.is('Empty')) return due((committed) => Math.max(group.stateSinceMs, committed.commitTimestamp));
    const subscribed = group.is('Stable') ? group.subscribedTopics() : undefined;
    return subscribed
      ? due(
          (committed) => committed.commitTimestamp,
          (topic) => subscribed.has(topic),
        )
      : [];
  }

  private async expireOffsets(): Promise<void> {
    for (const group of this.all) {
      // The group may have been unloaded, and loaded again as another object, while this loop waited.
      if (this.groups.get(group.groupId) !== group || this.ownership(group.groupId) !== 'NONE') continue;
      const tps = this.expired(group);
      const isIdle = group.is('Empty') && group.offsets.size === 0;
      if (tps.length > 0 || isIdle) await this.forgetOffsets(group, tps);
    }
  }
}
