/**
 * The groups this broker coordinates: those whose partition of `__consumer_offsets` it leads. Keeps them in memory,
 * writes their changes to that partition, loads them when it becomes leader, and forgets them when it no longer is.
 *
 * Invariants: a commit is visible only after every in-sync replica has its record; while a partition is being loaded
 * its groups answer nothing; what a former leader had not committed is not taken over from its memory but from the log.
 *
 * Kafka: coordinator/group/GroupMetadataManager.scala@2.8.2
 */
import { GROUP_METADATA_TOPIC, TopicPartition, tpName } from '../../common/cluster-types';
import { ErrorName, KafkaError, messageOf } from '../../common/errors';
import { Host, Log as Logger, sleep, Timer } from '../../common/host';
import { Log } from '../../log/log';
import { buildBatch } from '../../record/batch-builder';
import { CompressionType, compressionTypes } from '../../record/compression';
import { recompress } from '../../record/batch-builder';
import { batchesOf, RecordBatch } from '../../record/record-batch';
import { recordsOf } from '../../record/record';
import { BrokerConfig } from '../broker-config';
import { ReplicaManager } from '../replica-manager';
import { appendReplicated } from '../replicated-append';
import { Group } from './group-metadata';
import {
  CommittedOffset, decodeGroupValue, decodeKey, decodeOffsetValue, encodeGroupKey, encodeGroupValue, encodeOffsetKey, encodeOffsetValue, partitionForGroup, StoredGroup,
} from './group-records';

export interface GroupMetadataDeps {
  readonly host: Host;
  readonly log: Logger;
  readonly config: BrokerConfig;
  readonly replicas: ReplicaManager;
  /** Partitions of `__consumer_offsets`, or undefined while it does not exist. */
  readonly partitionCount: () => number | undefined;
  /** A group was loaded: its members' clocks start. */
  readonly onLoaded: (group: Group) => void;
  /** A group is coordinated elsewhere from now on: whoever waits must hear it. */
  readonly onUnloaded: (group: Group) => void;
}

interface OwnedPartition {
  readonly leaderEpoch: number;
  loading: boolean;
}

interface GroupRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** What a failed append means for a group's members, and for offsets. Kafka: GroupMetadataManager#storeGroup */
function groupError(error: ErrorName): ErrorName {
  switch (error) {
    case 'UNKNOWN_TOPIC_OR_PARTITION': case 'NOT_ENOUGH_REPLICAS': case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND': return 'COORDINATOR_NOT_AVAILABLE';
    case 'NOT_LEADER_OR_FOLLOWER': case 'KAFKA_STORAGE_ERROR': return 'NOT_COORDINATOR';
    case 'REQUEST_TIMED_OUT': return 'REBALANCE_IN_PROGRESS';
    case 'MESSAGE_TOO_LARGE': case 'RECORD_LIST_TOO_LARGE': return 'UNKNOWN_SERVER_ERROR';
    default: return error;
  }
}

function commitError(error: ErrorName): ErrorName {
  if (error === 'REQUEST_TIMED_OUT') return error;
  return error === 'MESSAGE_TOO_LARGE' || error === 'RECORD_LIST_TOO_LARGE' ? 'INVALID_COMMIT_OFFSET_SIZE' : groupError(error);
}

export class GroupMetadataManager {
  private readonly groups = new Map<string, Group>();
  private readonly owned = new Map<number, OwnedPartition>();
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(private readonly deps: GroupMetadataDeps) {}

  private get now(): number { return this.deps.host.clock.wallMs(); }
  private get partitions(): number { return this.deps.partitionCount() ?? this.deps.config['offsets.topic.num.partitions']; }

  start(): void {
    this.timer = this.deps.host.clock.schedule(this.deps.config['offsets.retention.check.interval.ms'], () => {
      void this.expireOffsets().catch((error) => this.deps.log.error(`Expiring offsets failed: ${messageOf(error)}`));
      if (!this.isClosed) this.start();
    });
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const partition of [...this.owned.keys()]) this.resign(partition);
  }

  partitionOf(groupId: string): number {
    return partitionForGroup(groupId, this.partitions);
  }

  /** NONE, or why this broker does not answer for the group. */
  ownership(groupId: string): 'NONE' | 'NOT_COORDINATOR' | 'COORDINATOR_LOAD_IN_PROGRESS' {
    const owned = this.owned.get(this.partitionOf(groupId));
    if (owned === undefined) return 'NOT_COORDINATOR';
    return owned.loading ? 'COORDINATOR_LOAD_IN_PROGRESS' : 'NONE';
  }

  get isLoading(): boolean { return [...this.owned.values()].some((one) => one.loading); }
  get all(): readonly Group[] { return [...this.groups.values()]; }

  get(groupId: string): Group | undefined {
    return this.groups.get(groupId);
  }

  getOrCreate(groupId: string): Group {
    let group = this.groups.get(groupId);
    if (!group) this.groups.set(groupId, group = new Group(groupId, this.now));
    return group;
  }

  /** The leader of a partition of `__consumer_offsets` changed. */
  leadershipChanged(partition: number, leaderEpoch: number, isLeader: boolean): void {
    if (this.isClosed) return;
    const known = this.owned.get(partition);
    if (!isLeader) return this.resign(partition);
    if (known && known.leaderEpoch >= leaderEpoch) return;
    if (known) this.resign(partition);
    const owned: OwnedPartition = { leaderEpoch, loading: true };
    this.owned.set(partition, owned);
    this.load(partition, owned).catch((error) => this.deps.log.error(`Loading ${GROUP_METADATA_TOPIC}-${partition} failed: ${messageOf(error)}`));
  }

  private resign(partition: number): void {
    if (!this.owned.delete(partition)) return;
    for (const group of this.all) {
      if (this.partitionOf(group.groupId) !== partition) continue;
      this.groups.delete(group.groupId);
      this.deps.onUnloaded(group);
    }
  }

  /** Reads the whole partition, in slices; the last record of a key wins. */
  private async load(partition: number, owned: OwnedPartition): Promise<void> {
    const log = this.deps.replicas.get({ topic: GROUP_METADATA_TOPIC, partition })?.log;
    if (!log) return;
    const groups = new Map<string, StoredGroup>();
    const offsets = new Map<string, { group: string; tp: TopicPartition; committed: CommittedOffset }>();
    let damage = '';
    for (let next = log.logStartOffset; next < log.logEndOffset;) {
      const slice = this.slicePastDamage(next, () => this.loadSlice(log, next, groups, offsets));
      if (slice.damage !== undefined && slice.damage !== damage) {
        damage = slice.damage;
        this.deps.log.error(`${damage}; groups and offsets in it are lost, older commits hold`);
      }
      if (slice.next === next) break;
      next = slice.next;
      await sleep(this.deps.host.clock, 0);
      if (this.owned.get(partition) !== owned) return;
    }
    const loaded = new Map([...groups].map(([id, stored]) => [id, Group.fromStored(id, stored, this.now)]));
    for (const { group: id, tp, committed } of offsets.values()) {
      let group = loaded.get(id);
      if (!group) loaded.set(id, group = new Group(id, this.now));
      group.offsets.set(tpName(tp), { tp, committed });
    }
    owned.loading = false;
    for (const [id, group] of loaded) {
      this.groups.set(id, group);
      this.deps.onLoaded(group);
    }
    this.deps.log.info(`Loaded ${loaded.size} groups and ${offsets.size} offsets from ${GROUP_METADATA_TOPIC}-${partition}`);
    this.deps.host.event({ what: 'groups-loaded', partition, groups: loaded.size, offsets: offsets.size, leaderEpoch: owned.leaderEpoch });
  }

  /** A damaged batch is passed over: an older offset repeats some records, a group that never loads is an outage. */
  private slicePastDamage(from: number, load: () => number): { readonly next: number; readonly damage?: string } {
    try {
      return { next: load() };
    } catch (error) {
      if (!(error instanceof KafkaError) || error.errorName !== 'CORRUPT_MESSAGE') throw error;
      return { next: from + 1, damage: error.message };
    }
  }

  private loadSlice(log: Log, from: number, groups: Map<string, StoredGroup>, offsets: Map<string, { group: string; tp: TopicPartition; committed: CommittedOffset }>): number {
    let next = from;
    for (const batch of batchesOf(Buffer.concat(log.read(from, log.logEndOffset, this.deps.config['offsets.load.buffer.size'], true)))) {
      if (!batch.isControl) {
        for (const { key, value } of recordsOf(batch)) {
          const parsed = decodeKey(key!);
          if (parsed.kind === 'unknown') throw new Error(`a key of version ${parsed.version} stands at offset ${batch.baseOffset}`);
          if (parsed.kind === 'group') {
            if (value === null) groups.delete(parsed.group);
            else groups.set(parsed.group, decodeGroupValue(value));
          } else {
            const name = `${parsed.group}\u0000${tpName(parsed.tp)}`;
            if (value === null) offsets.delete(name);
            else offsets.set(name, { group: parsed.group, tp: parsed.tp, committed: decodeOffsetValue(value) });
          }
        }
      }
      next = batch.nextOffset;
    }
    return next;
  }

  private async append(groupId: string, records: readonly GroupRecord[]): Promise<ErrorName> {
    const partition = this.partitionOf(groupId);
    const timestamp = this.now;
    let batch = buildBatch(records.map(({ key, value }) => ({ timestamp, key, value })));
    const codec = compressionTypes[this.deps.config['offsets.topic.compression.codec']] as CompressionType;
    if (codec !== 'none') batch = recompress(new RecordBatch(batch), codec);
    return (await appendReplicated(this.deps.replicas, { topic: GROUP_METADATA_TOPIC, partition }, batch, this.deps.config['offsets.commit.timeout.ms'])).error;
  }

  /** Writes the group's generation, members and assignment; NONE once that is committed. */
  async storeGroup(group: Group, assignments: ReadonlyMap<string, Buffer>): Promise<ErrorName> {
    const error = await this.append(group.groupId, [{ key: encodeGroupKey(group.groupId), value: encodeGroupValue(group.toStored(assignments)) }]);
    if (error !== 'NONE') this.deps.log.warn(`Group ${group.groupId}, generation ${group.generation}, could not be stored: ${error}`);
    return groupError(error);
  }

  /** Writes offsets in one batch; they can be fetched once every in-sync replica has them. */
  async storeOffsets(group: Group, offsets: readonly { readonly tp: TopicPartition; readonly committed: CommittedOffset }[]): Promise<ErrorName> {
    group.pendingCommits++;
    try {
      const error = await this.append(group.groupId, offsets.map(({ tp, committed }) => ({ key: encodeOffsetKey(group.groupId, tp), value: encodeOffsetValue(committed) })));
      // Appends of a partition are committed in their order, so the later commit is also the later answer.
      if (error === 'NONE') for (const { tp, committed } of offsets) group.offsets.set(tpName(tp), { tp, committed });
      return commitError(error);
    } finally {
      group.pendingCommits--;
    }
  }

  /** Forgets offsets, and with the last one an empty group. NONE once the tombstones are committed. */
  async forgetOffsets(group: Group, tps: readonly TopicPartition[]): Promise<ErrorName> {
    const known = tps.filter((tp) => group.committed(tp) !== undefined);
    const records: GroupRecord[] = known.map((tp) => ({ key: encodeOffsetKey(group.groupId, tp), value: null }));
    const isLast = group.is('Empty') && group.pendingCommits === 0 && known.length === group.offsets.size;
    if (isLast && group.generation > 0) records.push({ key: encodeGroupKey(group.groupId), value: null });
    for (const tp of known) group.offsets.delete(tpName(tp));
    if (isLast) {
      group.transitionTo('Dead', this.now);
      this.groups.delete(group.groupId);
      this.deps.log.info(`Group ${group.groupId} transitioned to Dead in generation ${group.generation}`);
    }
    return records.length === 0 ? 'NONE' : groupError(await this.append(group.groupId, records));
  }

  /** Kafka: GroupMetadata#removeExpiredOffsets */
  private expired(group: Group): TopicPartition[] {
    const retentionMs = this.deps.config['offsets.retention.minutes'] * 60_000;
    const now = this.now;
    const due = (since: (committed: CommittedOffset) => number, except: (topic: string) => boolean = () => false) => [...group.offsets.values()]
      .filter(({ tp, committed }) => !except(tp.topic) && (committed.expireTimestamp >= 0 ? now >= committed.expireTimestamp : now - since(committed) >= retentionMs)).map(({ tp }) => tp);
    if (group.protocolType === null) return due((committed) => committed.commitTimestamp);
    if (group.is('Empty')) return due(() => group.stateSinceMs);
    const subscribed = group.is('Stable') ? group.subscribedTopics() : undefined;
    return subscribed ? due((committed) => committed.commitTimestamp, (topic) => subscribed.has(topic)) : [];
  }

  private async expireOffsets(): Promise<void> {
    for (const group of this.all) {
      if (this.ownership(group.groupId) !== 'NONE' || group.pendingCommits > 0) continue;
      const tps = this.expired(group);
      const isIdle = group.is('Empty') && group.offsets.size === 0;
      if (tps.length > 0 || isIdle) await this.forgetOffsets(group, tps);
    }
  }
}
