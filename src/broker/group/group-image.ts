/**
 * The state that the records of one partition of `__consumer_offsets` describe: the last record of a key
 * counts, and a tombstone removes the key.
 *
 * Invariant: loading always ends, whatever the log contains. A record that cannot be decoded (no key, an
 * unknown version, damaged bytes) is skipped with a reason. If an offset cannot be decoded, the older commit
 * remains: records may be read twice, but none is lost. If a group cannot be decoded, its members are
 * forgotten and must join again, because an older record may have other members.
 *
 * [p] Kafka: coordinator/group/GroupMetadataManager.scala#doLoadGroupsAndOffsets@2.8.2. There an odd record
 * ends the loading, and the groups of the partition are served without what follows it.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { messageOf } from '../../common/errors';
import { recordsOf } from '../../record/record';
import { RecordBatch } from '../../record/record-batch';
import { Group } from './group-metadata';
import {
  CommittedOffset,
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  GroupKey,
  StoredGroup,
} from './group-records';

interface LoadedOffset {
  readonly group: string;
  readonly tp: TopicPartition;
  readonly committed: CommittedOffset;
  /** The offset of the record in the log. */
  readonly logOffset: number;
}

export class GroupImage {
  private readonly stored = new Map<string, StoredGroup>();
  private readonly offsets = new Map<string, LoadedOffset>();

  /** `onSkipped` gets the reason for which a record, or the rest of a damaged batch, was skipped. */
  constructor(private readonly onSkipped: (reason: string) => void) {}

  get offsetCount(): number {
    return this.offsets.size;
  }

  addBatch(batch: RecordBatch): void {
    if (batch.isControl) return;
    try {
      for (const { key, value, offset } of recordsOf(batch)) this.add(key, value, offset);
    } catch (error) {
      this.onSkipped(`the batch at offset ${batch.baseOffset} is damaged: ${messageOf(error)}`);
    }
  }

  private add(keyBytes: Buffer | null, value: Buffer | null, offset: number): void {
    let key: GroupKey;
    try {
      if (keyBytes === null) throw new Error('it has no key');
      key = decodeKey(keyBytes);
      if (key.kind === 'unknown')
        throw new Error(`its key has version ${key.version}, which is not known here`);
    } catch (error) {
      return this.onSkipped(`the record at offset ${offset}: ${messageOf(error)}`);
    }
    try {
      if (key.kind === 'group') this.addGroup(key.group, value);
      else this.addOffset(key.group, key.tp, value, offset);
    } catch (error) {
      if (key.kind === 'group') this.stored.delete(key.group);
      this.onSkipped(`the record at offset ${offset}, of group ${key.group}: ${messageOf(error)}`);
    }
  }

  private addGroup(group: string, value: Buffer | null): void {
    if (value === null) this.stored.delete(group);
    else this.stored.set(group, decodeGroupValue(value));
  }

  private addOffset(group: string, tp: TopicPartition, value: Buffer | null, logOffset: number): void {
    const name = `${group}\u0000${tpName(tp)}`;
    if (value === null) this.offsets.delete(name);
    else this.offsets.set(name, { group, tp, committed: decodeOffsetValue(value), logOffset });
  }

  /** The groups, with and without members. Groups for which `isOurs` is false are skipped. */
  groups(nowMs: number, isOurs: (groupId: string) => boolean): Map<string, Group> {
    const groups = new Map<string, Group>();
    for (const [id, one] of this.stored)
      if (this.belongs(id, isOurs)) groups.set(id, Group.fromStored(id, one, nowMs));
    for (const { group: id, tp, committed, logOffset } of this.offsets.values()) {
      if (!groups.has(id) && !this.belongs(id, isOurs)) continue;
      const group = groups.get(id) ?? new Group(id, nowMs);
      groups.set(id, group);
      group.offsets.load(tp, committed, logOffset);
    }
    return groups;
  }

  private belongs(groupId: string, isOurs: (groupId: string) => boolean): boolean {
    const belongs = isOurs(groupId);
    if (!belongs) this.onSkipped(`group ${groupId} lives in another partition`);
    return belongs;
  }
}
