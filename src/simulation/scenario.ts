/**
 * Runs one seed: draws a cluster, a workload and faults, runs them, heals everything, and checks the result.
 *
 * The checks: promises at each moment (moment-checks.ts); clients (no acknowledged record lost, nothing read
 * that was not sent, one record at each offset, order kept); ZooKeeper, at each write (leader in the ISR, one
 * leader in each epoch, epochs never go back, only the current controller writes); and after the faults
 * everything becomes quiet (judge.ts).
 */
import { duplicates } from '../checkers/check-history';
import { History } from '../checkers/history';
import { MomentChecker } from '../checkers/moment-checks';
import { resourcesAboveFloor, sessionsAboveFloor } from '../checkers/resources';
import { TopicPartition, tpName } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { attachChecks } from './attach-checks';
import { drawScenario, MAIN_TOPIC, Scenario, TRIMMED_TOPIC } from './draw-scenario';
import { armEventFaults } from './event-faults';
import { applyFault } from './faults';
import { judge, livenessBeforeRestart, mayHaveLost, readFinal } from './judge';
import { Operations } from './operations';
import { SimCluster } from './sim-cluster';
import { SimGroup } from './sim-group';
import { SimOldGroup } from './sim-old-group';
import { WorldEvent } from './world';
import { discovery, idOf, Workload } from './workload';

export { drawScenario, Scenario };

const SUPERVISE_EVERY_MS = 1000;
const QUIET_WITHIN_MS = 120000;
const BEFORE_RESTART_MS = 60000;
const OFFSETS_PARTITIONS = 2;

export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly traceHash: number;
  readonly actions: number;
  /**
   * Counters of what happened: elections, truncations, fenced writes … A counter that is 0 for all seeds is a
   * gap in the test.
   */
  readonly reached: Readonly<Record<string, number>>;
  readonly timeline: readonly WorldEvent[];
  readonly log: readonly string[];
}

class Run {
  readonly cluster: SimCluster;
  readonly history = new History();
  readonly checks: MomentChecker;
  private readonly violations: string[] = [];
  private readonly main: readonly TopicPartition[];
  private readonly trimmed: readonly TopicPartition[];
  private readonly workload: Workload;
  private readonly operations: Operations;
  private group: SimGroup | undefined;
  private oldGroup: SimOldGroup | undefined;

  constructor(readonly scenario: Scenario) {
    const { segmentBytes, replicationFactor, minIsr, unclean } = scenario;
    this.cluster = new SimCluster(scenario.seed, scenario.brokers, {
      'log.segment.bytes': segmentBytes,
      'log.retention.check.interval.ms': 3000,
      'group.initial.rebalance.delay.ms': 300,
      'offsets.topic.num.partitions': OFFSETS_PARTITIONS,
      'offsets.topic.replication.factor': replicationFactor,
      ...scenario.brokerSettings,
    });
    this.main = Array.from({ length: scenario.partitions }, (_, partition) => ({
      topic: MAIN_TOPIC,
      partition,
    }));
    this.trimmed = scenario.trimmed ? [{ topic: TRIMMED_TOPIC, partition: 0 }] : [];
    this.checks = attachChecks(this.cluster, {
      isUncleanAllowed: ({ topic }) => unclean && topic === MAIN_TOPIC,
    });
    this.workload = new Workload(this);
    this.operations = new Operations(this.cluster, {
      main: this.main,
      trimmed: this.trimmed,
      minIsr,
      replicationFactor,
      kept: this.mainConfig(),
    });
  }

  private mainConfig(): Record<string, string> {
    const { minIsr, unclean } = this.scenario;
    return {
      'min.insync.replicas': String(minIsr),
      ...(unclean ? { 'unclean.leader.election.enable': 'true' } : {}),
    };
  }

  private assignment(tps: readonly TopicPartition[]): Map<number, number[]> {
    const { brokers, replicationFactor } = this.scenario;
    const replicas = (first: number) =>
      Array.from({ length: replicationFactor }, (_, i) => ((first + i) % brokers) + 1);
    return new Map(tps.map(({ partition }) => [partition, replicas(partition)]));
  }

  /** The partitions that exist now. */
  private get tps(): TopicPartition[] {
    const { cluster, operations } = this;
    const exists = (tp: TopicPartition) =>
      cluster.existsTopic(tp.topic) && cluster.assignmentOf(tp).length > 0;
    const created = [...new Map(operations.created.map((tp) => [tpName(tp), tp])).values()].filter(exists);
    return [...this.main, ...this.trimmed, ...created];
  }

  async run(): Promise<void> {
    const {
      cluster,
      scenario,
      cluster: { world },
    } = this;
    await this.bringUp();
    const startMs = world.nowMs;
    for (const [i, writer] of scenario.writers.entries()) {
      await this.workload.start(`producer-${i}`, writer, writer.trimmed ? this.trimmed : this.main);
    }
    const consumer = await world.complete(cluster.consumer(), 30000, 'opening the consumer');
    this.consume(consumer).catch((error) => this.violations.push(`The consumer ended: ${messageOf(error)}`));
    this.startReaders();
    const readers = () => ({ group: this.group, oldGroup: this.oldGroup });
    const untilMs = startMs + scenario.faultsUntilMs + 1000;
    for (const fault of scenario.faults) {
      world.schedule(fault.atMs, () => applyFault(cluster, readers(), fault));
    }
    armEventFaults(cluster, readers, scenario.eventFaults, () => world.nowMs >= untilMs);
    for (const operation of scenario.operations) {
      world.schedule(operation.atMs, () => this.operations.run(operation));
    }
    await world.run(untilMs);
    cluster.healLinks();
    this.workload.isSending = false;
    this.violations.push(...(await livenessBeforeRestart(cluster, this.tps, BEFORE_RESTART_MS)));
    cluster.heal();
    this.supervise();
    await this.becomeQuiet();
    await this.finishGroup();
    await this.finishOldGroup();
    await this.resources();
    const { tps } = this;
    await world
      .complete(readFinal(this, tps), 120000, 'reading everything back')
      .catch((error) => this.violations.push(`Liveness: ${String(error)}`));
    this.violations.push(...judge(this, tps));
  }

  private async bringUp(): Promise<void> {
    const {
      cluster,
      cluster: { world },
      scenario,
    } = this;
    cluster.startAll();
    await world.run(20000, () => cluster.brokers.every(({ id }) => cluster.isRunning(id)));
    const create = (topic: string, tps: readonly TopicPartition[], config: Record<string, string>) =>
      world.complete(cluster.createTopic(topic, this.assignment(tps), config), 30000, `creating ${topic}`);
    await create(MAIN_TOPIC, this.main, this.mainConfig());
    if (scenario.trimmed) {
      await create(TRIMMED_TOPIC, this.trimmed, {
        'min.insync.replicas': String(scenario.minIsr),
        ...scenario.trimmed,
      });
    }
    const unready = await cluster.untilQuiet(this.tps, 30000);
    if (unready.length > 0) throw new Error(`the cluster did not come up: ${unready.join('; ')}`);
  }

  private startReaders(): void {
    const { cluster, scenario } = this;
    const startMembers = () => {
      if (scenario.members === 0) return;
      this.group = new SimGroup(cluster, {
        groupId: 'readers',
        topics: [MAIN_TOPIC],
        drawsCommits: true,
        config: {
          'partition.assignment.strategy': scenario.assignor,
        },
        discovery: discovery(cluster, scenario.membersBootstrap),
      });
      for (let i = 0; i < scenario.members; i++) this.group.start(`member-${i}`);
    };
    if (scenario.membersStartMs === 0) startMembers();
    else cluster.world.schedule(scenario.membersStartMs, startMembers);
    this.oldGroup =
      scenario.oldMembers === 0 ? undefined : new SimOldGroup(cluster, 'old-readers', MAIN_TOPIC);
    for (let i = 0; i < scenario.oldMembers; i++) this.oldGroup!.start(`old-${i}`);
  }

  /** From now on a broker that ends is started again, as by a supervisor. */
  private supervise(): void {
    const { cluster } = this;
    cluster.world.schedule(SUPERVISE_EVERY_MS, () => {
      // A broker that was still starting when its disk was repaired has left out the log dir, so it needs a
      // restart.
      for (const { id } of cluster.brokers) if (cluster.offlineDirs(id) > 0) cluster.mendDisk(id);
      cluster.startAll();
      this.supervise();
    });
  }

  private async consume(consumer: Consumer): Promise<void> {
    consumer.assign(this.main);
    for (;;) {
      for (const { topic, partition, offset, value } of await consumer.poll(1000)) {
        this.history.read('consumer-1', { topic, partition }, offset, idOf(value!));
      }
    }
  }

  private liveness(problems: readonly string[]): void {
    this.violations.push(
      ...problems.map((problem) => `Liveness: ${problem}, ${QUIET_WITHIN_MS} ms after the faults ended`),
    );
  }

  private async becomeQuiet(): Promise<void> {
    const {
      cluster,
      cluster: { world },
      workload,
    } = this;
    const answered = await world.run(world.nowMs + QUIET_WITHIN_MS, () => workload.open === 0);
    if (!answered) this.liveness([`${workload.open} sends are not settled`]);
    this.liveness(await cluster.untilQuiet(this.tps, QUIET_WITHIN_MS));
    const isUp = (id: number) => cluster.isRunning(id) && cluster.offlineDirs(id) === 0;
    await world.run(world.nowMs + QUIET_WITHIN_MS, () => cluster.brokers.every(({ id }) => isUp(id)));
    for (const { id, startError, host } of cluster.brokers) {
      if (cluster.offlineDirs(id) > 0) this.liveness([`broker ${id} has a log dir offline`]);
      if (!cluster.isRunning(id)) {
        this.liveness([`broker ${id} does not run: ${startError ?? host.exited?.reason}`]);
      }
    }
  }

  /** When only fetches wait, brokers hold no resources for requests. */
  private async resources(): Promise<void> {
    const {
      cluster,
      cluster: { brokers, world, zookeeper },
    } = this;
    // Evaluated each time, because a restarted broker is a new object.
    const above = () => [
      ...resourcesAboveFloor(
        brokers.flatMap(({ id, broker }) =>
          broker && cluster.isRunning(id) ? [{ id, metrics: broker.metrics }] : [],
        ),
      ),
      ...sessionsAboveFloor(
        new Map(brokers.map(({ host: { name } }) => [name, zookeeper.sessionsOf(name).length])),
      ),
    ];
    // Groups continue to work, so one moment without held resources is enough.
    if (await world.run(world.nowMs + QUIET_WITHIN_MS, () => above().length === 0)) return;
    this.violations.push(...above().map((text) => `ResourcesAtFloor: ${text}`));
  }

  private highWatermark(tp: TopicPartition): number | undefined {
    return this.cluster.logOf(this.cluster.stateOf(tp)?.leader ?? 0, tp)?.highWatermark;
  }

  /** After the faults the group must process all records. Its promises during the faults are checked, too. */
  private async finishGroup(): Promise<void> {
    const {
      cluster: { world },
      group,
      main,
    } = this;
    if (!group) return;
    for (const member of group.members) member.host.resume();
    if (group.alive.length === 0) group.start('last');
    const isDone = (tp: TopicPartition) => group.processedCount(tp) >= (this.highWatermark(tp) ?? Infinity);
    const done = await world.run(world.nowMs + QUIET_WITHIN_MS, () => main.every(isDone));
    for (const tp of done || mayHaveLost(this) ? [] : main) {
      const left = group.unprocessed(tp, this.highWatermark(tp) ?? 0);
      if (left.length === 0) continue;
      this.violations.push(
        `AllProcessed: nobody processed ${left.length} records of ${tpName(tp)}, first offset ${left[0]}`,
      );
    }
    for (const member of group.members) {
      if (member.endedWith !== undefined) {
        this.violations.push(`Liveness: ${member.name} ended with ${member.endedWith}`);
      }
    }
  }

  private async finishOldGroup(): Promise<void> {
    const {
      cluster: { world },
      oldGroup,
      main,
    } = this;
    if (!oldGroup || mayHaveLost(this)) return;
    for (const member of oldGroup.members) member.host.resume();
    if (oldGroup.alive.length === 0) oldGroup.start('old-last');
    const left = (tp: TopicPartition) => oldGroup.unread(tp, this.highWatermark(tp) ?? 0);
    await world.run(world.nowMs + QUIET_WITHIN_MS, () => main.every((tp) => left(tp).length === 0));
    for (const tp of main) {
      const offsets = left(tp);
      if (offsets.length === 0) continue;
      this.violations.push(
        `AllProcessed: no old consumer got ${offsets.length} records of ${tpName(tp)}, first ${offsets[0]}`,
      );
    }
    for (const member of oldGroup.members) {
      if (member.endedWith === undefined || member.host.life.isDead) continue;
      this.violations.push(`Liveness: ${member.name} ended with ${member.endedWith}`);
    }
  }

  outcome(crash: unknown): Outcome {
    const {
      cluster: { world },
      history,
      scenario,
      checks,
    } = this;
    if (crash !== undefined) {
      const text = crash instanceof Error ? crash.stack : String(crash);
      this.violations.push(`the run ended early: ${text}`, ...world.violations);
    }
    const reached: Record<string, number> = {
      'sent': history.sent.size,
      'acked': history.count('acked'),
      'unknown': history.count('unknown'),
      'duplicates': duplicates(history),
      'released': checks.counts.released,
      'checked-acks': checks.counts.acks,
    };
    for (const event of world.timeline) {
      const detail = event.fault ?? (event.who === 'simulation' ? event.kind : undefined);
      const name = detail === undefined ? event.what : `${event.what}:${String(detail)}`;
      reached[name] = (reached[name] ?? 0) + 1;
    }
    const { traceHash, actionsRun: actions, timeline } = world;
    const { cluster } = this;
    return {
      scenario,
      violations: this.violations,
      traceHash,
      actions,
      reached,
      timeline,
      get log() {
        return cluster.logLines();
      },
    };
  }
}

/** Runs one scenario and checks it. Never rejects: an error is a violation. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const run = new Run(scenario);
  try {
    await run.run();
    return run.outcome(undefined);
  } catch (error) {
    return run.outcome(error ?? 'unknown');
  }
}

/** Leaves faults and operations out while the run still fails. Returns the smallest scenario found. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  let smallest = scenario;
  for (const list of ['faults', 'eventFaults', 'operations'] as const) {
    for (let i = 0; i < smallest[list].length;) {
      const candidate = { ...smallest, [list]: smallest[list].filter((_, n) => n !== i) };
      if ((await runScenario(candidate)).violations.length > 0) smallest = candidate;
      else i++;
    }
  }
  return smallest;
}
