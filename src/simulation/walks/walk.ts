/**
 * One walk: starts a small cluster, runs the steps, heals all faults, and checks the result.
 *
 * At each acknowledgement and truncation the moment checks run; whenever the cluster has settled, the logs
 * must agree with themselves. Then, before any start, a partition with a live member of the ISR must get a
 * leader. Then, with all brokers running, everything must become quiet, every acknowledged record must exist,
 * and all replicas must agree.
 */
import { createHash } from 'node:crypto';
import { tpName } from '../../common/cluster-types';
import { divergentLogs, leadersPerEpoch, ReplicaLog } from '../../checkers/check-cluster';
import { foreignRecords } from '../../checkers/own-records';
import { scanLog } from '../../checkers/log-scan';
import { Log } from '../../log/log';
import { batchesOf, RecordBatch } from '../../record/record-batch';
import { recordsOf } from '../../record/record';
import { hasLostSince } from '../attach-checks';
import { abstractState, passedWaypoints, waypoints } from './abstract-state';
import { Alphabet, formatOutcome, Opening, Outcome, Plan, replayWalk, shrink, Visit } from './alphabet';
import { openings } from './openings';
import { WalkCluster, WalkSetup } from './walk-cluster';
import { Standing } from './walk-reader';
import { drawStep, drawWeights, formatStep, isPossible, parseStep, runStep, Step } from './walk-step';

const LEADER_WITHIN_MS = 20000;
const QUIET_WITHIN_MS = 60000;
const SUPERVISE_EVERY_MS = 200;
const READ_WITHIN_MS = 10000;
const LOOK_EVERY_MS = 200;
/** In most walks no acknowledged record may be lost. */
const UNCLEAN_CHANCE = 0.1;

export type WalkOutcome = Outcome<WalkSetup, Step>;
export type WalkPlan = Plan<WalkSetup, Step>;

const SETUPS: readonly Pick<WalkSetup, 'brokers' | 'assignment' | 'minIsr'>[] = [
  { brokers: 3, assignment: [[1, 2, 3]], minIsr: 2 },
  { brokers: 3, assignment: [[2, 3, 1]], minIsr: 2 },
  { brokers: 3, assignment: [[1, 2, 3]], minIsr: 1 },
  { brokers: 4, assignment: [[1, 2, 3, 4]], minIsr: 2 },
  { brokers: 4, assignment: [[3, 1, 2]], minIsr: 2 },
  {
    brokers: 3,
    assignment: [
      [1, 2, 3],
      [2, 1, 3],
    ],
    minIsr: 2,
  },
  {
    brokers: 4,
    assignment: [
      [1, 2, 3],
      [1, 4, 2],
    ],
    minIsr: 1,
  },
];

class Walk {
  readonly steps: Step[] = [];
  readonly visits: Visit[] = [];
  readonly violations: string[] = [];
  /** Brokers whose log was found to contradict itself, so that each is reported once. */
  private readonly contradicting = new Set<number>();
  readonly walk: WalkCluster;

  constructor(private readonly plan: WalkPlan) {
    this.walk = new WalkCluster(plan.setup);
  }

  async run(): Promise<void> {
    const { walk, plan } = this;
    await walk.bringUp();
    for (const step of plan.prefix) if (isPossible(walk, step)) await this.take(step);
    const weights = drawWeights(plan.random.split('weights'));
    for (let i = 0; i < plan.drawn; i++) await this.take(drawStep(walk, plan.random, plan.haste, weights));
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

  /** Epochs, indexes and producer state must match the batches. */
  private scanLogs(when: string): void {
    const { walk } = this;
    for (const id of walk.running) {
      if (this.contradicting.has(id)) continue;
      const found = walk
        .ofEach(() => walk.replica(id))
        .flatMap((replica) =>
          replica
            ? [
                ...scanLog(replica.log, { mayIndexesHeal: true }),
                ...(replica.isLeader ? foreignRecords(replica) : []),
              ]
            : [],
        );
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
    walk.reader?.resume();
    for (const id of walk.ids) {
      walk.healZooKeeper(id);
      cluster.resume(id);
      cluster.zookeeper.lag(`broker-${id}`, 0);
    }
    for (let i = 0; i < walk.tps.length; i++, walk.lookAtNext()) await this.checkLeaderComes();
    await this.checkQuietComes();
    this.scanLogs('in the end');
    walk.ofEach(() => this.judgeLogs());
    await this.judgeReader();
    this.violations.push(...world.violations, ...leadersPerEpoch(world.timeline));
  }

  /** Before any broker is started: a start would heal, and so hide, a partition without a leader. */
  private async checkLeaderComes(): Promise<void> {
    const { walk } = this;
    const { world } = walk.cluster;
    const isLed = () => walk.isLed;
    const isRunning = (id: number) => walk.running.includes(id);
    // Who lost power waits for the others (docs/decisions/0020).
    const hasLost = (id: number) => !walk.inSync.every(isRunning) && hasLostSince(walk.cluster, walk.tp, id);
    const canBeLed = () =>
      walk.setup.isUnclean
        ? walk.replicas.some(isRunning)
        : walk.inSync.some((id) => isRunning(id) && !hasLost(id));
    const untilMs = world.nowMs + LEADER_WITHIN_MS;
    while (canBeLed() && !isLed() && world.nowMs < untilMs) await world.run(world.nowMs + LOOK_EVERY_MS);
    if (isLed() || !canBeLed()) return;
    this.violations.push(
      `Liveness: no leader within ${LEADER_WITHIN_MS} ms though ${walk.inSync} of ${tpName(walk.tp)} are ` +
        `in sync and ${walk.running} run: ${walk.describe()}`,
    );
  }

  /** A broker that ends, for example by an earlier SIGTERM, is started again, as by a supervisor. */
  private async checkQuietComes(): Promise<void> {
    const { cluster, tps } = this.walk;
    const { world } = cluster;
    const untilMs = world.nowMs + QUIET_WITHIN_MS;
    let isQuiet = false;
    while (!isQuiet && world.nowMs < untilMs) {
      cluster.startAll();
      await world.run(world.nowMs + SUPERVISE_EVERY_MS);
      isQuiet = this.walk.stopped.length === 0 && tps.every((tp) => cluster.isQuiet(tp));
    }
    if (isQuiet) return;
    const restless = tps
      .filter((tp) => !cluster.isQuiet(tp))
      .map((tp) => cluster.unquiet(tp))
      .join('; ');
    this.violations.push(`Liveness: ${restless}, ${QUIET_WITHIN_MS} ms after the last step`);
    for (const { id, startError } of cluster.brokers) {
      if (!cluster.isRunning(id))
        this.violations.push(`Liveness: broker ${id} does not run: ${startError ?? 'it is starting'}`);
    }
  }

  private judgeLogs(): void {
    const { walk } = this;
    const logs = walk.running.flatMap((id) => {
      const log = walk.replica(id)?.log;
      return log ? [{ id, log }] : [];
    });
    const replicaLogs = logs.map(({ id, log }): ReplicaLog => ({
      broker: id,
      startOffset: log.logStartOffset,
      highWatermark: log.highWatermark,
      batches: allBatches(log).map((batch) => ({
        baseOffset: batch.baseOffset,
        digest: createHash('md5').update(batch.bytes()).digest('hex'),
      })),
    }));
    this.violations.push(...divergentLogs(tpName(walk.tp), replicaLogs));
    const leader = logs.find(({ id }) => id === walk.leader);
    if (leader) this.judgeAcked(leader.log);
  }

  /** Checks the reader against all records that are in the log at the end. */
  private async judgeReader(): Promise<void> {
    const {
      walk,
      walk: {
        reader,
        cluster: { world },
      },
    } = this;
    if (!reader) return;
    const problems = () =>
      walk
        .ofEach(() => {
          const log = walk.replica(walk.leader)?.log;
          return log && reader.problem(walk.tp, recordsIn(log));
        })
        .filter((problem) => problem !== undefined);
    await world.run(world.nowMs + READ_WITHIN_MS, () => problems().length === 0);
    this.violations.push(...problems());
  }

  private judgeAcked(log: Log): void {
    const values = recordsIn(log);
    for (const { tp, value, offset, releases } of this.walk.acked) {
      if (tp !== this.walk.tp || offset < log.logStartOffset) continue;
      const found = values.get(offset)?.value;
      const isPromised = releases === this.walk.releases && this.walk.moments.isPromised(tp, offset);
      if (found === value || !isPromised) continue;
      this.violations.push(
        `NoAckedLost: ${value}, acknowledged at offset ${offset}, where ${found ?? 'nothing'} is in the end`,
      );
    }
  }

  outcome(crash: unknown): WalkOutcome {
    const { world } = this.walk.cluster;
    if (crash !== undefined) {
      const text = crash instanceof Error ? crash.stack : String(crash);
      this.violations.push(`the walk ended early: ${text}`, ...world.violations);
    }
    const { cluster } = this.walk;
    return {
      setup: this.plan.setup,
      steps: this.steps,
      visits: this.visits,
      violations: this.violations,
      acked: this.walk.acked.length,
      actions: world.actionsRun,
      traceHash: world.traceHash,
      timeline: world.timeline,
      get log() {
        return cluster.logLines();
      },
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

function recordsIn(log: Log): Map<number, Standing> {
  return new Map(
    allBatches(log).flatMap((batch) =>
      [...recordsOf(batch)].map(({ offset, value }): [number, Standing] => [
        offset,
        { value: String(value), epoch: batch.partitionLeaderEpoch },
      ]),
    ),
  );
}

/** Runs one walk and checks it. Never rejects: an error is a violation. */
export async function runWalk(plan: WalkPlan): Promise<WalkOutcome> {
  const walk = new Walk(plan);
  try {
    await walk.run();
    return walk.outcome(undefined);
  } catch (error) {
    return walk.outcome(error ?? 'unknown');
  }
}

function parseSetup(text: string): Omit<WalkSetup, 'seed' | 'settings'> {
  const match = /^brokers=(\d+) replicas=([\d,+]+) min\.isr=(\d+)( unclean)?$/.exec(text);
  if (!match) throw new Error(`a setup is written as 'brokers=3 replicas=1,2,3 min.isr=2', not '${text}'`);
  return {
    brokers: Number(match[1]),
    minIsr: Number(match[3]),
    assignment: match[2]!.split('+').map((replicas) => replicas.split(',').map(Number)),
    isUnclean: match[4] !== undefined,
  };
}

function parseOpening(text: string): Opening<WalkSetup, Step> {
  const [setup, steps] = text.split(': ');
  return { setup: parseSetup(setup!), steps: steps!.split('; ').map(parseStep) };
}

/** Walks of brokers and their logs. */
export const replicationWalks: Alphabet<WalkSetup, Step> = {
  waypoints: Object.keys(waypoints),
  openings: openings.map((text) => parseOpening(text)),
  drawSetup: (random) => ({
    ...random.pick(SETUPS),
    isUnclean: random.split('unclean').chance(UNCLEAN_CHANCE),
  }),
  run: runWalk,
  formatSetup: ({ brokers, assignment, minIsr, isUnclean }) =>
    `brokers=${brokers} replicas=${assignment.join('+')} min.isr=${minIsr}${isUnclean ? ' unclean' : ''}`,
  parseSetup,
  parseStep,
};

export const replay = (setup: WalkSetup, steps: readonly Step[]): Promise<WalkOutcome> =>
  replayWalk(replicationWalks, setup, steps);
export const shrinkWalk = (outcome: WalkOutcome): Promise<WalkOutcome> => shrink(replicationWalks, outcome);
export const formatWalk = (outcome: Pick<WalkOutcome, 'setup' | 'steps'>): string =>
  formatOutcome(replicationWalks, outcome);
