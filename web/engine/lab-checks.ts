/**
 * The promises, checked all the time: by the checkers that the simulation's seeds are judged by, at the
 * moment of each write, acknowledgement and truncation, and by a few of the lab's own. Each is green until
 * the event that breaks it.
 */
import { divergentLogs, leadersPerEpoch, ReplicaLog } from '../../src/checkers/check-cluster';
import { MomentChecker } from '../../src/checkers/moment-checks';
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { batchesOf } from '../../src/record/record-batch';
import { attachChecks } from '../../src/simulation/attach-checks';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { WorldEvent } from '../../src/simulation/world';
import { configZnode } from '../../src/zk/znodes';
import { CHECKS } from '../shared/events';
import { EventLog } from './event-log';
import { runningPartsOf } from './peek';

type CheckName = (typeof CHECKS)[number]['check'];

/** What the checkers call what they found, and the promise that it breaks. */
const PROMISES: readonly (readonly [RegExp, CheckName])[] = [
  [/OneLeaderPerEpoch/, 'one-leader'],
  [/LeaderInIsr|IsrWithin|ElectedFromIsr|RestartedLeavesIsr/, 'leader-in-isr'],
  [/AckedIsOnIsr|CommittedIsOnIsr|ElectedHasAcked|NoAckedTruncated/, 'acked-kept'],
  [/NoLeaderTruncates|HighWatermark/, 'high-watermark'],
  [/EpochsNeverGoBack|OneController/, 'epochs'],
  [/LogsAgree/, 'replicas-agree'],
  [/ReadsInOrder/, 'readers'],
];

const UNCLEAN = 'unclean.leader.election.enable';
/** How many offsets below the high watermark are compared between replicas. */
const COMPARED_OFFSETS = 200;

export class LabChecks {
  private readonly moments: MomentChecker;
  private readonly broken = new Set<CheckName>();
  private seen = 0;
  private readonly leaders = new Map<string, WorldEvent>();
  private readonly next = new Map<string, number>();
  private readonly compared = new Map<string, number>();

  constructor(
    private readonly cluster: SimCluster,
    private readonly log: EventLog,
    isUncleanByDefault: boolean,
  ) {
    this.moments = attachChecks(cluster, {
      isUncleanAllowed: ({ topic }) =>
        this.settingOf(topic, UNCLEAN) === 'true' ||
        (isUncleanByDefault && this.settingOf(topic, UNCLEAN) === undefined),
    });
    for (const { check } of CHECKS) log.see('simulation', { what: 'check', check, isGood: true, why: null });
    cluster.world.onEvent.push((event) => this.hear(event));
  }

  private settingOf(topic: string, name: string): string | undefined {
    const path = configZnode.path('topics', topic);
    const znode = this.cluster.zookeeper.tree.peek(path);
    try {
      return znode && configZnode.decode(path, znode.data)[name];
    } catch {
      return undefined;
    }
  }

  /** Records may have been lost without a broken promise: what readers see then is not judged. */
  get isExcused(): boolean {
    return this.moments.counts.released > 0;
  }

  /** A record was acknowledged by the whole ISR. */
  acked(tp: TopicPartition, offset: number): void {
    this.moments.acked(tp, offset);
  }

  /** The reader begins anew: somebody else had the partition, or it was told to seek. */
  readerBegins(reader: string, tp: TopicPartition): void {
    this.next.delete(`${reader} ${tpName(tp)}`);
  }

  read(reader: string, tp: TopicPartition, offset: number): void {
    const key = `${reader} ${tpName(tp)}`;
    const expected = this.next.get(key);
    this.next.set(key, offset + 1);
    // Compaction leaves gaps; nothing comes twice.
    if (expected === undefined || offset >= expected || this.isExcused) return;
    this.cluster.world.violation(`ReadsInOrder: ${key} read offset ${offset} after ${expected - 1}`);
  }

  private hear(event: WorldEvent): void {
    if (event.what !== 'became-leader') return;
    const key = `${String(event.topic)}-${String(event.partition)} ${String(event.leaderEpoch)}`;
    const before = this.leaders.get(key);
    for (const found of leadersPerEpoch(before ? [before, event] : [event]))
      this.cluster.world.violation(found);
    this.leaders.set(key, event);
  }

  /** Called after each action: tells what was found since. */
  look(): void {
    const { violations } = this.cluster.world;
    for (; this.seen < violations.length; this.seen++) this.found(violations[this.seen]!);
  }

  private found(why: string): void {
    const check = PROMISES.find(([pattern]) => pattern.test(why))?.[1] ?? 'processes';
    if (this.broken.has(check)) return;
    this.broken.add(check);
    this.log.see('simulation', { what: 'check', check, isGood: false, why });
  }

  /** Called now and then: replicas in sync have the same batches below the lowest high watermark. */
  compareReplicas(): void {
    const logs = new Map<string, ReplicaLog[]>();
    for (const { id, host, broker } of this.cluster.brokers) {
      const running = host.life.isDead ? undefined : runningPartsOf(broker);
      for (const partition of running?.replicas.all ?? []) {
        if (partition.isOffline || partition.log.config['cleanup.policy'].includes('compact')) continue;
        const one = this.tailOf(id, partition.tp);
        if (one) logs.set(partition.name, [...(logs.get(partition.name) ?? []), one]);
      }
    }
    for (const [name, replicas] of logs) {
      for (const found of divergentLogs(name, replicas)) this.cluster.world.violation(found);
    }
  }

  private tailOf(broker: number, tp: TopicPartition): ReplicaLog | undefined {
    const log = this.cluster.logOf(broker, tp);
    if (!log) return undefined;
    const { highWatermark, logStartOffset } = log;
    const name = `${broker} ${tpName(tp)}`;
    if (this.compared.get(name) === highWatermark) return undefined;
    this.compared.set(name, highWatermark);
    const from = Math.max(logStartOffset, highWatermark - COMPARED_OFFSETS);
    const batches: { baseOffset: number; digest: string }[] = [];
    try {
      for (const chunk of log.read(from, highWatermark, 1 << 20, true)) {
        for (const batch of batchesOf(chunk)) {
          batches.push({
            baseOffset: batch.baseOffset,
            digest: `${batch.partitionLeaderEpoch} ${batch.crc}`,
          });
        }
      }
    } catch {
      return undefined;
    }
    return { broker, startOffset: from, highWatermark, batches };
  }
}
