/**
 * A consumer group in the simulated cluster: members on hosts of their own, which poll, commit, die, stall
 * and restart; and the rules that must always hold for them.
 *
 *   OneOwner        in a generation a partition has at most one owner
 *   InOrder         what a member reads of a partition it owns has no gap and does not go back
 *   CommitsGoOn     no member starts below an offset whose commit was acknowledged when it got the partition
 *   CommitsFollow   a member commits only offsets up to which it has processed the records
 *   HandedOver      with auto-commit, a member has committed what it gives up, unless a commit failed
 *   AllProcessed    at the end every record has been processed by a member (commits follow the work)
 */
import { GROUP_METADATA_TOPIC, TopicPartition, tpName } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { decodeKey, decodeOffsetValue } from '../broker/group/group-records';
import { batchesOf } from '../record/record-batch';
import { recordsOf } from '../record/record';
import { OffsetCommit } from '../consumer/offset-committer';
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';
import { SimHost } from './sim-host';
import { SimSoloConsumer } from './sim-solo-consumer';

/** How a member commits: sometimes by commitSync or commitAsync, or with auto-commit. */
type CommitStyle = 'sync' | 'async' | 'auto';

export interface SimMember {
  readonly name: string;
  readonly host: SimHost;
  readonly consumer: Consumer;
  readonly style: CommitStyle;
  /** The next expected offset of each owned partition. */
  readonly next: Map<string, number>;
  /** The acknowledged commit of each partition at its assignment. The member need not see later ones. */
  readonly acknowledgedBefore: Map<string, number>;
  /** What ended the member, if it was not killed. */
  endedWith: string | undefined;
  assignments: number;
  revocations: number;
  lost: number;
}

export interface SimGroupOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly config?: RawConfig;
  /** The settings by which members find the cluster; the default is ZooKeeper. */
  readonly discovery?: RawConfig;
  /** The probability that a poll is followed by a commit. */
  readonly commitChance?: number;
  /**
   * Draws for each member how it commits, and whether a consumer without a group commits beside it. The
   * default is commitSync.
   */
  readonly drawsCommits?: boolean;
}

const DEFAULTS: RawConfig = {
  'session.timeout.ms': 6000,
  'heartbeat.interval.ms': 1000,
  'max.poll.interval.ms': 12000,
  'enable.auto.commit': false,
  'max.poll.records': 20,
  'default.api.timeout.ms': 10000,
};

const AUTO_COMMIT: RawConfig = { 'enable.auto.commit': true, 'auto.commit.interval.ms': 700 };
/** Allowed errors of a commit. The work is then done again, by this member or another. */
const FORGIVEN = ['COMMIT_FAILED', 'TIMEOUT', 'REBALANCE_IN_PROGRESS'];

const ZOOKEEPER_DISCOVERY: RawConfig = {
  'zookeeper.connect': 'zookeeper:2181',
  'zookeeper.session.timeout.ms': 6000,
};

export class SimGroup {
  readonly members: SimMember[] = [];
  /** How often each record was processed, by partition and offset. */
  readonly processed = new Map<string, Map<number, number>>();
  private readonly owners = new Map<string, string>();
  /** The highest offset whose commit was acknowledged, by partition. */
  private readonly acknowledged = new Map<string, number>();
  private readonly random: Prng;

  constructor(
    private readonly cluster: SimCluster,
    readonly options: SimGroupOptions,
  ) {
    this.random = cluster.world.random.split(`group ${options.groupId}`);
  }

  /** Starts a new process that joins the group. */
  start(name: string, config: RawConfig = {}): SimMember {
    const environment = this.cluster.environment();
    const { drawsCommits, groupId, topics, discovery = ZOOKEEPER_DISCOVERY } = this.options;
    const style: CommitStyle = drawsCommits
      ? this.random.pick(['sync', 'async', 'auto', 'auto'] as const)
      : 'sync';
    if (drawsCommits && this.members.length === 0 && this.random.chance(0.3)) {
      new SimSoloConsumer(this.cluster, { groupId: `${groupId}-solo`, topic: topics[0]!, discovery }).start();
    }
    const next = new Map<string, number>();
    const consumer = new Consumer(environment, {
      ...discovery,
      'request.timeout.ms': 5000,
      'auto.offset.reset': 'earliest',
      'group.id': groupId,
      'client.id': name,
      ...DEFAULTS,
      ...(style === 'auto' ? AUTO_COMMIT : {}),
      ...this.options.config,
      ...config,
      'interceptor.classes': [
        { onCommit: (commits: readonly OffsetCommit[]) => this.committed(name, next, commits) },
      ],
    });
    const member: SimMember = {
      name,
      host: environment.simHost,
      consumer,
      style,
      next,
      acknowledgedBefore: new Map(),
      endedWith: undefined,
      assignments: 0,
      revocations: 0,
      lost: 0,
    };
    this.members.push(member);
    this.run(member).catch((error) => {
      member.endedWith = error instanceof KafkaError ? error.errorName : String((error as Error).stack);
    });
    return member;
  }

  private async run(member: SimMember): Promise<void> {
    const { consumer } = member;
    await consumer.subscribe(this.options.topics, {
      onPartitionsAssigned: (tps) => {
        member.assignments++;
        this.assigned(member, tps);
      },
      onPartitionsRevoked: (tps) => {
        member.revocations++;
        this.revoked(member, tps);
      },
      onPartitionsLost: (tps) => {
        member.lost++;
        for (const tp of tps) member.next.delete(tpName(tp));
      },
    });
    for (;;) {
      for (const record of await consumer.poll(500)) this.process(member, record, record.offset);
      if (member.style !== 'auto' && this.random.chance(this.options.commitChance ?? 0.3))
        await this.commit(member);
    }
  }

  private async commit({ consumer, style }: SimMember): Promise<void> {
    if (style === 'async') return consumer.commitAsync();
    try {
      await consumer.commitSync(undefined, { timeoutMs: 5000 });
    } catch (error) {
      if (!(error instanceof KafkaError) || !FORGIVEN.includes(error.errorName)) throw error;
    }
  }

  /** Records that a commit was acknowledged. */
  private committed(
    member: string,
    next: ReadonlyMap<string, number>,
    commits: readonly OffsetCommit[],
  ): void {
    for (const { topic, partition, offset } of commits) {
      const name = tpName({ topic, partition });
      this.acknowledged.set(name, Math.max(offset, this.acknowledged.get(name) ?? 0));
      const reached = next.get(name);
      if (reached === undefined || offset <= reached) continue;
      this.cluster.world.violation(
        `CommitsFollow: ${member} committed ${offset} of ${name}, having worked up to ${reached}`,
      );
    }
  }

  private revoked(member: SimMember, tps: readonly TopicPartition[]): void {
    const mayLag =
      member.style !== 'auto' || member.host.logLines.some((line) => /uto-commit .*failed/.test(line));
    for (const name of tps.map(tpName)) {
      const reached = member.next.get(name);
      member.next.delete(name);
      if (mayLag || reached === undefined || reached <= (this.acknowledged.get(name) ?? 0)) continue;
      this.cluster.world.violation(
        `HandedOver: ${member.name} gives ${name} up at ${reached}, with ` +
          `${this.acknowledged.get(name) ?? 0} committed`,
      );
    }
  }

  private assigned(member: SimMember, tps: readonly TopicPartition[]): void {
    const { generation } = member.consumer.groupMetadata();
    for (const tp of tps) {
      member.next.delete(tpName(tp));
      member.acknowledgedBefore.set(tpName(tp), this.acknowledged.get(tpName(tp)) ?? 0);
      const key = `${generation} ${tpName(tp)}`;
      const other = this.owners.get(key);
      if (other !== undefined && other !== member.name)
        this.cluster.world.violation(
          `OneOwner: ${tpName(tp)} belongs to ${other} and to ${member.name} in generation ${generation}`,
        );
      this.owners.set(key, member.name);
    }
  }

  private process(member: SimMember, tp: TopicPartition, offset: number): void {
    const name = tpName(tp);
    const expected = member.next.get(name);
    if (expected !== undefined && offset !== expected)
      this.cluster.world.violation(
        `InOrder: ${member.name} read ${name} offset ${offset} where ${expected} was next`,
      );
    const acknowledged = member.acknowledgedBefore.get(name) ?? 0;
    if (expected === undefined && offset < acknowledged)
      this.cluster.world.violation(
        `CommitsGoOn: ${member.name} began ${name} at ${offset}, but a commit of ${acknowledged} had been ` +
          `acknowledged`,
      );
    member.next.set(name, offset + 1);
    const counts = this.processed.get(name) ?? new Map<number, number>();
    counts.set(offset, (counts.get(offset) ?? 0) + 1);
    this.processed.set(name, counts);
  }

  get alive(): SimMember[] {
    return this.members.filter((member) => !member.host.life.isDead && member.endedWith === undefined);
  }

  /** kill -9 of a member. */
  kill(member: SimMember): void {
    this.cluster.event('kill -9', member.name);
    member.host.kill();
  }

  pause(member: SimMember): void {
    this.cluster.event('SIGSTOP', member.name);
    member.host.pause();
  }

  resume(member: SimMember): void {
    this.cluster.event('SIGCONT', member.name);
    member.host.resume();
  }

  processedCount(tp: TopicPartition): number {
    return this.processed.get(tpName(tp))?.size ?? 0;
  }

  /** Offsets below `end` that no member processed. */
  unprocessed(tp: TopicPartition, end: number): number[] {
    const counts = this.processed.get(tpName(tp));
    if (counts && counts.size >= end) return [];
    return Array.from({ length: end }, (_, offset) => offset).filter((offset) => !counts?.has(offset));
  }

  /**
   * Reads `__consumer_offsets` of broker `id` and returns commits that went back. A commit that timed out may
   * be there before a lower one, so this is for runs in which every commit got a response.
   */
  commitsThatWentBack(id: number, partitions: number): string[] {
    const last = new Map<string, number>();
    const found: string[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const log = this.cluster.logOf(id, { topic: GROUP_METADATA_TOPIC, partition });
      for (let at = log?.logStartOffset ?? 0; log && at < log.logEndOffset;) {
        for (const batch of batchesOf(Buffer.concat(log.read(at, log.logEndOffset, 1 << 20, true)))) {
          for (const { key, value, offset } of recordsOf(batch)) {
            const parsed = decodeKey(key!);
            if (parsed.kind !== 'offset' || value === null || parsed.group !== this.options.groupId) continue;
            const committed = decodeOffsetValue(value).offset;
            const before = last.get(tpName(parsed.tp)) ?? -1;
            if (committed < before)
              found.push(
                `CommitsGoOn: ${tpName(parsed.tp)} went from ${before} back to ${committed} at ` +
                  `${GROUP_METADATA_TOPIC}-${partition} offset ${offset}`,
              );
            last.set(tpName(parsed.tp), Math.max(before, committed));
          }
          at = batch.nextOffset;
        }
      }
    }
    return found;
  }
}
