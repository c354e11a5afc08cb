/**
 * One walk: a small cluster is brought up, does its steps, is healed and judged.
 *
 * The judgement: at each acknowledgement and truncation the checks of the moment, and whenever it has settled, logs
 * that agree with themselves; then, before anything is started again, a partition with a live member of the ISR must
 * get a leader; then, with all brokers running, everything becomes quiet, every acknowledged record is there, and all
 * replicas agree.
 */
import { createHash } from 'node:crypto';
import { tpName } from '../../common/cluster-types';
import { divergentLogs, leadersPerEpoch, ReplicaLog } from '../../checkers/check-cluster';
import { scanLog } from '../../checkers/log-scan';
import { Log } from '../../log/log';
import { batchesOf, RecordBatch } from '../../record/record-batch';
import { recordsOf } from '../../record/record';
import { Prng } from '../prng';
import { abstractState, passedWaypoints } from './abstract-state';
import { WalkCluster, WalkSetup } from './walk-cluster';
import { drawStep, formatStep, isPossible, runStep, Step } from './walk-step';

const LEADER_WITHIN_MS = 20000;
const QUIET_WITHIN_MS = 60000;
const SUPERVISE_EVERY_MS = 200;
const LOOK_EVERY_MS = 200;

/** Where a walk was after one of its steps. */
export interface Visit {
  readonly state: string;
  readonly waypoints: string;
}

export interface WalkOutcome {
  readonly setup: WalkSetup;
  readonly steps: readonly Step[];
  /** One a step: what was there when it had settled. */
  readonly visits: readonly Visit[];
  readonly violations: readonly string[];
  readonly acked: number;
  readonly actions: number;
  readonly traceHash: number;
  readonly timeline: readonly Readonly<Record<string, unknown>>[];
  readonly log: readonly string[];
}

export interface WalkPlan {
  readonly setup: WalkSetup;
  /** Done first; a step that is not possible where it stands is passed over. */
  readonly prefix: readonly Step[];
  /** So many drawn steps follow. */
  readonly drawn: number;
  /** How probable it is that a drawn step is not waited for. */
  readonly haste: number;
  readonly random: Prng;
}

class Walk {
  readonly steps: Step[] = [];
  readonly visits: Visit[] = [];
  readonly violations: string[] = [];
  /** Brokers whose log was found to contradict itself: said once. */
  private readonly contradicting = new Set<number>();
  readonly walk: WalkCluster;

  constructor(private readonly plan: WalkPlan) {
    this.walk = new WalkCluster(plan.setup);
  }

  async run(): Promise<void> {
    const { walk, plan } = this;
    await walk.bringUp();
    for (const step of plan.prefix) if (isPossible(walk, step)) await this.take(step);
    for (let i = 0; i < plan.drawn; i++) await this.take(drawStep(walk, plan.random, plan.haste));
    await this.finish();
  }

  private async take(step: Step): Promise<void> {
    const { walk } = this;
    this.steps.push(step);
    await runStep(walk, step);
    if (step.isHasty) await walk.hurry();
    else {
      await walk.settle(() => abstractState(walk));
      this.scanLogs(`after '${formatStep(step)}'`);
    }
    this.visits.push({ state: abstractState(walk), waypoints: passedWaypoints(walk) });
  }

  /** Epochs, indexes and producers are what the batches say. */
  private scanLogs(when: string): void {
    const { walk } = this;
    for (const id of walk.running) {
      const log = walk.replica(id)?.log;
      if (!log || this.contradicting.has(id)) continue;
      const found = scanLog(log, { mayIndexesHeal: true });
      if (found.length > 0) this.contradicting.add(id);
      this.violations.push(...found.map((text) => `broker ${id}, ${when}: ${text}`));
    }
  }

  private async finish(): Promise<void> {
    const { walk } = this;
    const { cluster } = walk;
    const { world } = cluster;
    walk.isOver = true;
    walk.healLinks();
    for (const id of walk.ids) {
      walk.healZooKeeper(id);
      cluster.resume(id);
      cluster.zookeeper.lag(`broker-${id}`, 0);
    }
    await this.checkLeaderComes();
    await this.checkQuietComes();
    this.scanLogs('in the end');
    this.judgeLogs();
    this.violations.push(...world.violations, ...leadersPerEpoch(world.timeline));
  }

  /** Before anything is started: a restart would heal, and hide, a partition that was left without a leader. */
  private async checkLeaderComes(): Promise<void> {
    const { walk } = this;
    const { world } = walk.cluster;
    const isLed = () => walk.running.includes(walk.leader) && walk.replica(walk.leader)?.isLeader === true;
    const canBeLed = () => walk.inSync.some((id) => walk.running.includes(id));
    const untilMs = world.nowMs + LEADER_WITHIN_MS;
    while (canBeLed() && !isLed() && world.nowMs < untilMs) await world.run(world.nowMs + LOOK_EVERY_MS);
    if (isLed() || !canBeLed()) return;
    this.violations.push(
      `Liveness: no leader within ${LEADER_WITHIN_MS} ms though ${walk.inSync} are in sync and ${walk.running} run: ${walk.describe()}`);
  }

  /** A broker that ends, by an earlier SIGTERM for one, is started again, as a supervisor would. */
  private async checkQuietComes(): Promise<void> {
    const { cluster, tp } = this.walk;
    const { world } = cluster;
    const untilMs = world.nowMs + QUIET_WITHIN_MS;
    let isQuiet = false;
    while (!isQuiet && world.nowMs < untilMs) {
      cluster.startAll();
      await world.run(world.nowMs + SUPERVISE_EVERY_MS);
      isQuiet = this.walk.stopped.length === 0 && cluster.isQuiet(tp);
    }
    if (isQuiet) return;
    this.violations.push(`Liveness: ${cluster.unquiet(tp)}, ${QUIET_WITHIN_MS} ms after the last step`);
    for (const { id, startError } of cluster.brokers) {
      if (!cluster.isRunning(id)) this.violations.push(`Liveness: broker ${id} does not run: ${startError ?? 'it is starting'}`);
    }
  }

  private judgeLogs(): void {
    const { walk } = this;
    const logs = walk.running.flatMap((id) => {
      const log = walk.replica(id)?.log;
      return log ? [{ id, log }] : [];
    });
    const replicaLogs = logs.map(({ id, log }): ReplicaLog => ({
      broker: id, startOffset: log.logStartOffset, highWatermark: log.highWatermark,
      batches: allBatches(log).map((batch) => ({
        baseOffset: batch.baseOffset, digest: createHash('md5').update(batch.bytes()).digest('hex'),
      })),
    }));
    this.violations.push(...divergentLogs(tpName(walk.tp), replicaLogs));
    const leader = logs.find(({ id }) => id === walk.leader);
    if (leader) this.judgeAcked(leader.log);
  }

  private judgeAcked(log: Log): void {
    const values = new Map<number, string>();
    for (const batch of allBatches(log)) for (const { offset, value } of recordsOf(batch)) values.set(offset, String(value));
    for (const { value, offset, releases } of this.walk.acked) {
      const found = values.get(offset);
      if (offset < log.logStartOffset) continue;
      const isPromised = releases === this.walk.releases && this.walk.moments.isPromised(this.walk.tp, offset);
      if (found === value || !isPromised) continue;
      this.violations.push(`NoAckedLost: ${value}, acknowledged at offset ${offset}, where ${found ?? 'nothing'} is in the end`);
    }
  }

  outcome(crash: unknown): WalkOutcome {
    const { world } = this.walk.cluster;
    if (crash !== undefined) {
      const text = crash instanceof Error ? crash.stack : String(crash);
      this.violations.push(`the walk ended early: ${text}`, ...world.violations);
    }
    return {
      setup: this.plan.setup, steps: this.steps, visits: this.visits, violations: this.violations,
      acked: this.walk.acked.length, actions: world.actionsRun, traceHash: world.traceHash, timeline: world.timeline,
      log: this.walk.cluster.logLines(),
    };
  }
}

function allBatches(log: Log): RecordBatch[] {
  const found: RecordBatch[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
      for (const batch of batchesOf(chunk)) {
        found.push(batch);
        offset = batch.nextOffset;
      }
    }
  }
  return found;
}

/** Runs one walk to its judgement. Never rejects: what goes wrong is a violation. */
export async function runWalk(plan: WalkPlan): Promise<WalkOutcome> {
  const walk = new Walk(plan);
  try {
    await walk.run();
    return walk.outcome(undefined);
  } catch (error) {
    return walk.outcome(error ?? 'unknown');
  }
}

/** The same walk again, from its text. */
export function replay(setup: WalkSetup, steps: readonly Step[]): Promise<WalkOutcome> {
  return runWalk({ setup, prefix: steps, drawn: 0, haste: 0, random: new Prng('unused') });
}

/** Leaves steps out while the walk still fails: the shortest that was found. */
export async function shrinkWalk(outcome: WalkOutcome): Promise<WalkOutcome> {
  let smallest = outcome;
  for (let i = 0; i < smallest.steps.length;) {
    const shorter = await replay(smallest.setup, smallest.steps.filter((_, n) => n !== i));
    if (shorter.violations.length > 0) smallest = shorter;
    else i++;
  }
  return smallest;
}

export function formatWalk({ setup, steps }: Pick<WalkOutcome, 'setup' | 'steps'>): string {
  const { seed, brokers, replicas, minIsr } = setup;
  return `seed=${seed} brokers=${brokers} replicas=${replicas} min.isr=${minIsr}: ${steps.map(formatStep).join('; ')}`;
}
