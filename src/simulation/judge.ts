/**
 * What must hold after the faults. First liveness, while nothing is restarted: a restart would heal, and so
 * hide, a partition without a leader. Then, with every broker running again, everything is quiet and nothing
 * is lost.
 *
 * If all members of an ISR lost power, or a leader was elected uncleanly, records may be lost. Then rules
 * that depend on them, such as the order for readers, are not checked.
 */
import { createHash } from 'node:crypto';
import { divergentLogs, leadersPerEpoch, ReplicaLog } from '../checkers/check-cluster';
import { checkHistory } from '../checkers/check-history';
import { History } from '../checkers/history';
import { scanLog } from '../checkers/log-scan';
import { MomentChecker } from '../checkers/moment-checks';
import { TopicPartition, tpName } from '../common/cluster-types';
import { batchesOf } from '../record/record-batch';
import { Scenario, TRIMMED_TOPIC } from './draw-scenario';
import { hasLostSince } from './attach-checks';
import { SimCluster } from './sim-cluster';
import { idOf } from './workload';

/** Promises to readers that do not hold after a loss of records. */
const BROKEN_BY_LOSS = /InOrder:|CommitsGoOn:|CommitsFollow:|HandedOver:|OneOwner:|ReadsInOrder:/;

export interface JudgeContext {
  readonly cluster: SimCluster;
  readonly scenario: Scenario;
  readonly history: History;
  readonly checks: MomentChecker;
}

/** Whether records may have been lost, by power cuts or unclean elections. */
export function mayHaveLost({ checks }: JudgeContext): boolean {
  return checks.counts.released > 0;
}

/** What a partition still waits for, according to its running replicas; undefined if it is at rest. */
export function stuck(cluster: SimCluster, tp: TopicPartition): string | undefined {
  const alive = cluster.assignmentOf(tp).filter((id) => {
    if (!cluster.isRunning(id)) return false;
    const replica = cluster.partitionOf(id, tp);
    return replica ? !replica.isOffline : cluster.offlineDirs(id) === 0;
  });
  if (alive.length === 0) return undefined;
  const state = cluster.stateOf(tp);
  if (!state) return `${tpName(tp)} has no state, and of its replicas ${alive} run`;
  const inSync = state.isr.filter((id) => alive.includes(id));
  const mayWait = inSync.length < state.isr.length;
  // Nobody, or only members that may have lost something and wait for the others (docs/decisions/0020).
  if (mayWait && inSync.every((id) => hasLostSince(cluster, tp, id))) return undefined;
  if (!alive.includes(state.leader)) {
    return `${tpName(tp)} is led by ${state.leader}, and of ISR ${state.isr} ${alive} run`;
  }
  const leader = cluster.partitionOf(state.leader, tp);
  if (!leader?.isLeader || leader.leaderEpoch !== state.leaderEpoch) {
    return `${tpName(tp)} is led by ${state.leader} in epoch ${state.leaderEpoch}, which does not know it`;
  }
  const outside = alive.filter((id) => !state.isr.includes(id));
  if (outside.length > 0) return `${tpName(tp)} has ISR ${state.isr}, and ${outside} run outside`;
  const ends = alive.map((id) => cluster.logOf(id, tp)?.logEndOffset);
  if (new Set(ends).size > 1) return `${tpName(tp)} has log ends ${ends} on ${alive}`;
  return undefined;
}

/** Partitions that do not come to rest although enough of their replicas run; nothing is restarted. */
export async function livenessBeforeRestart(
  cluster: SimCluster,
  tps: readonly TopicPartition[],
  withinMs: number,
): Promise<string[]> {
  const done = () => tps.every((tp) => stuck(cluster, tp) === undefined);
  if (await cluster.world.run(cluster.world.nowMs + withinMs, done)) return [];
  const problems = tps.flatMap((tp) => stuck(cluster, tp) ?? []);
  return problems.map(
    (problem) => `LivenessBeforeRestart: ${problem}, ${withinMs} ms after the faults ended`,
  );
}

/** Reads every partition from its start to its end with a client. */
export async function readFinal(
  { cluster, history }: Pick<JudgeContext, 'cluster' | 'history'>,
  tps: readonly TopicPartition[],
): Promise<void> {
  const consumer = await cluster.consumer();
  consumer.assign(tps);
  const ends = new Map<string, number>();
  for (const tp of tps) ends.set(tpName(tp), await consumer.endOffset(tp));
  for (const tp of tps) {
    while ((await consumer.position(tp)) < ends.get(tpName(tp))!) {
      for (const { topic, partition, offset, value } of await consumer.poll(1000)) {
        history.readFinal({ topic, partition }, offset, idOf(value!));
      }
    }
  }
  await consumer.close();
}

function replicaLogs(cluster: SimCluster, tp: TopicPartition): ReplicaLog[] {
  return cluster.brokers.flatMap(({ id }) => {
    const log = cluster.logOf(id, tp);
    if (!log) return [];
    const batches: { baseOffset: number; digest: string }[] = [];
    for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
      const before = offset;
      for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
        for (const batch of batchesOf(chunk)) {
          const digest = createHash('md5').update(batch.bytes()).digest('hex');
          batches.push({ baseOffset: batch.baseOffset, digest });
          offset = batch.nextOffset;
        }
      }
      if (offset === before) break;
    }
    return [{ broker: id, startOffset: log.logStartOffset, highWatermark: log.highWatermark, batches }];
  });
}

/** Replicas of a partition that differ below the lowest high watermark. */
export function replicasDiffer(cluster: SimCluster, tp: TopicPartition): string[] {
  return divergentLogs(tpName(tp), replicaLogs(cluster, tp));
}

/** What a replica keeps beside its batches (epochs, indexes, producers) that contradicts them. */
export function replicasContradictThemselves(cluster: SimCluster, tp: TopicPartition): string[] {
  return cluster.brokers.flatMap(({ id }) => {
    const log = cluster.logOf(id, tp);
    return log ? scanLog(log, { mayIndexesHeal: true }).map((text) => `broker ${id}: ${text}`) : [];
  });
}

/** Removes acknowledged records that are no longer promised: released, deleted or expired. */
function releaseRecords({ cluster, history, checks }: JudgeContext): void {
  const starts = new Map<string, number>();
  const startOf = (tp: TopicPartition) => {
    const leader = cluster.stateOf(tp)?.leader ?? 0;
    const known = starts.get(tpName(tp)) ?? cluster.logOf(leader, tp)?.logStartOffset ?? 0;
    starts.set(tpName(tp), known);
    return known;
  };
  for (const record of history.sent.values()) {
    if (record.outcome !== 'acked' || record.offset < 0) continue;
    const isDeleted = record.tp.topic === TRIMMED_TOPIC && record.offset < startOf(record.tp);
    if (isDeleted || !checks.isPromised(record.tp, record.offset)) record.outcome = 'unknown';
  }
}

/** All violations: those found during the run and those of the final checks. */
export function judge(context: JudgeContext, tps: readonly TopicPartition[]): string[] {
  const { cluster, scenario, history } = context;
  const lost = mayHaveLost(context);
  const isJudged = (text: string) => !lost || !BROKEN_BY_LOSS.test(text);
  releaseRecords(context);
  const unique = (producer: string) => scenario.writers[Number(producer.split('-')[1])]?.idempotent ?? false;
  const promised = { ackedIsDurable: true, ordered: !lost, unique: lost ? false : unique };
  const found = checkHistory(history, promised).filter((text) => !lost || !text.startsWith('OffsetsAgree'));
  const isTrimmed = (text: string) => text.startsWith('ReadsInOrder') && text.includes(`${TRIMMED_TOPIC}-`);
  // Replicas of a compacted log differ in what was already cleaned.
  const comparable = tps.filter(
    ({ topic }) => topic !== TRIMMED_TOPIC || scenario.trimmed?.['cleanup.policy'] !== 'compact',
  );
  return [
    ...cluster.world.violations.filter(isJudged),
    ...leadersPerEpoch(cluster.world.timeline),
    ...found.filter((text) => isJudged(text) && !isTrimmed(text)),
    ...comparable.flatMap((tp) => replicasDiffer(cluster, tp)),
    ...tps.flatMap((tp) => replicasContradictThemselves(cluster, tp)),
  ];
}
