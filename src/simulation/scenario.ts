/**
 * One seed: draws a cluster, a workload and faults, runs them, heals everything, and judges.
 *
 * The judgement: no acknowledged record lost, nothing read that was not sent, one value an offset, order kept (clients);
 * leader in the ISR, one leader an epoch, epochs never back, only the current controller writes (ZooKeeper, at each
 * write); and after the faults everything becomes quiet: led, in sync, all answered, logs equal (liveness).
 */
import { createHash } from 'node:crypto';
import { TopicPartition, tpName } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { divergentLogs, leadersPerEpoch, ReplicaLog } from '../checkers/check-cluster';
import { checkHistory, duplicates } from '../checkers/check-history';
import { History } from '../checkers/history';
import { MomentChecker } from '../checkers/moment-checks';
import { Producer } from '../producer/producer';
import { batchesOf } from '../record/record-batch';
import { attachChecks } from './attach-checks';
import { applyFault, diskFaultKinds, drawFaults, Fault, FaultKind, faultKinds } from './faults';
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';
import { SimGroup } from './sim-group';
import { SimOldGroup } from './sim-old-group';

const TOPIC = 'records';
const FAULTS_FROM_MS = 2000;
const FAULTS_UNTIL_MS = 30000;
const SUPERVISE_EVERY_MS = 1000;
const QUIET_WITHIN_MS = 120000;
const OFFSETS_PARTITIONS = 2;
/** So that the offsets topic is compacted while the faults go on. */
const EAGER_CLEANER = { 'offsets.topic.segment.bytes': '1000', 'log.cleaner.backoff.ms': '1000', 'log.cleaner.min.cleanable.ratio': '0.1' };

export interface Scenario {
  readonly seed: string;
  readonly brokers: number;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly minIsr: number;
  readonly segmentBytes: number;
  readonly sendEveryMs: number;
  /** With idempotence five requests are in flight, without it one: either keeps the order. */
  readonly idempotent: boolean;
  /** Members of a consumer group that reads along; 0: none. */
  readonly members: number;
  readonly assignor: string;
  /** Members of a group of 0.8 consumers that reads along; 0: none. */
  readonly oldMembers: number;
  readonly kinds: readonly FaultKind[];
  readonly faults: readonly Fault[];
  readonly brokerSettings: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly traceHash: number;
  readonly actions: number;
  /** What was reached: elections, truncations, fenced writes …; a path no seed reaches is a hole in the test. */
  readonly reached: Readonly<Record<string, number>>;
  readonly timeline: readonly Readonly<Record<string, unknown>>[];
  readonly log: readonly string[];
}

export function drawScenario(seed: string, brokerSettings: Readonly<Record<string, string>> = {}): Scenario {
  const random = new Prng(`${seed}/scenario`);
  const brokers = random.pick([2, 3, 3, 3, 4]);
  const replicationFactor = Math.min(brokers, random.pick([2, 3, 3]));
  const lossless = faultKinds.filter((kind) => kind !== 'power-cut');
  const kinds = random.chance(0.15) ? (['power-cut', 'kill', 'pause'] as const) : lossless.filter(() => random.chance(0.4));
  const used: readonly FaultKind[] = kinds.length > 0 ? kinds : ['kill'];
  const disks = random.split('disks');
  const logDirs = disks.pick(['/data', '/data/1,/data/2', '/data/1,/data/2']);
  const diskFaults = disks.chance(0.35) ? drawFaults(disks, diskFaultKinds, brokers, FAULTS_FROM_MS, FAULTS_UNTIL_MS).slice(0, 3) : [];
  const cleaner = random.split('cleaner').chance(0.5) ? EAGER_CLEANER : {};
  return {
    seed, brokers, replicationFactor, partitions: random.between(1, 3), minIsr: random.pick([1, 2, 2].filter((n) => n <= replicationFactor)),
    segmentBytes: random.pick([500, 2000, 1048576]), sendEveryMs: random.pick([20, 60, 150]), idempotent: random.split('idempotence').chance(0.6),
    members: random.split('members').pick([0, 0, 1, 2, 3]), assignor: random.split('assignor').pick(['range', 'roundrobin', 'sticky', 'cooperative-sticky']),
    oldMembers: random.split('old members').pick([0, 0, 0, 1, 2, 3]), kinds: used,
    faults: [...drawFaults(random, used, brokers, FAULTS_FROM_MS, FAULTS_UNTIL_MS), ...diskFaults].sort((a, b) => a.atMs - b.atMs),
    brokerSettings: { 'log.dirs': logDirs, ...cleaner, ...brokerSettings },
  };
}

class Run {
  private readonly cluster: SimCluster;
  private readonly history = new History();
  private readonly violations: string[] = [];
  private readonly tps: readonly TopicPartition[];
  private readonly checks: MomentChecker;
  private group: SimGroup | undefined;
  private oldGroup: SimOldGroup | undefined;
  private producing = true;
  private sequence = 0;
  private open = 0;

  constructor(private readonly scenario: Scenario) {
    this.cluster = new SimCluster(scenario.seed, scenario.brokers, {
      'log.segment.bytes': scenario.segmentBytes, 'group.initial.rebalance.delay.ms': 300, 'offsets.topic.num.partitions': OFFSETS_PARTITIONS,
      'offsets.topic.replication.factor': scenario.replicationFactor, ...scenario.brokerSettings,
    });
    this.tps = Array.from({ length: scenario.partitions }, (_, partition) => ({ topic: TOPIC, partition }));
    this.checks = attachChecks(this.cluster);
  }

  private assignment(): Map<number, number[]> {
    const { brokers, replicationFactor } = this.scenario;
    return new Map(this.tps.map(({ partition }) => [partition, Array.from({ length: replicationFactor }, (_, i) => (partition + i) % brokers + 1)]));
  }

  async run(): Promise<void> {
    const { cluster, scenario } = this;
    const { world } = cluster;
    cluster.startAll();
    await world.run(20000, () => cluster.brokers.every(({ id }) => cluster.isRunning(id)));
    await world.complete(cluster.createTopic(TOPIC, this.assignment(), { 'min.insync.replicas': String(scenario.minIsr) }), 30000, 'creating the topic');
    const unready = await cluster.untilQuiet(this.tps, 30000);
    if (unready.length > 0) throw new Error(`the cluster did not come up: ${unready.join('; ')}`);
    const startMs = world.nowMs;
    const producer = await world.complete(cluster.producer({
      'acks': 'all', 'max.in.flight.requests.per.connection': scenario.idempotent ? 5 : 1, 'enable.idempotence': scenario.idempotent,
      'delivery.timeout.ms': 60000, 'max.block.ms': 30000, 'linger.ms': 5,
    }), 30000, 'opening the producer');
    const consumer = await world.complete(cluster.consumer(), 30000, 'opening the consumer');
    this.produce(producer);
    void this.consume(consumer);
    this.group = scenario.members === 0 ? undefined : new SimGroup(cluster, { groupId: 'readers', topics: [TOPIC], config: { 'partition.assignment.strategy': scenario.assignor } });
    for (let i = 0; i < scenario.members; i++) this.group!.start(`member-${i}`);
    this.oldGroup = scenario.oldMembers === 0 ? undefined : new SimOldGroup(cluster, 'old-readers', TOPIC);
    for (let i = 0; i < scenario.oldMembers; i++) this.oldGroup!.start(`old-${i}`);
    for (const fault of scenario.faults) world.schedule(fault.atMs, () => applyFault(cluster, { group: this.group, oldGroup: this.oldGroup }, fault));
    await world.run(startMs + FAULTS_UNTIL_MS + 2000);
    cluster.heal();
    this.supervise();
    this.producing = false;
    await this.becomeQuiet();
    await this.finishGroup();
    await this.finishOldGroup();
    await world.complete(this.readFinal(), 120000, 'reading everything back').catch((error) => this.violations.push(`Liveness: ${String(error)}`));
    this.judge();
  }

  /** From now on a broker that ends is started again, as an operator or a supervisor would. */
  private supervise(): void {
    this.cluster.world.schedule(SUPERVISE_EVERY_MS, () => {
      this.cluster.startAll();
      this.supervise();
    });
  }

  private produce(producer: Producer): void {
    const { world } = this.cluster;
    const random = world.random.split('workload');
    const next = () => {
      if (!this.producing) return;
      const tp = random.pick(this.tps);
      const record = this.history.send(`r${this.sequence}`, 'producer-1', this.sequence++, tp);
      this.open++;
      producer.send({ ...tp, value: record.id }).then(({ offset }) => {
        record.outcome = 'acked';
        record.offset = offset;
        if (offset >= 0) this.checks.acked(tp, offset);
      }, (error) => {
        record.outcome = error instanceof KafkaError && error.errorName === 'ILLEGAL_STATE' ? 'failed' : 'unknown';
      }).finally(() => { this.open--; });
      world.schedule(this.scenario.sendEveryMs * (0.5 + random.below(100) / 100), next);
    };
    next();
  }

  private async consume(consumer: Consumer): Promise<void> {
    consumer.assign(this.tps);
    for (;;) {
      for (const record of await consumer.poll(1000)) this.history.read('consumer-1', { topic: record.topic, partition: record.partition }, record.offset, record.value!.toString());
    }
  }

  private async becomeQuiet(): Promise<void> {
    const { cluster } = this;
    const answered = await cluster.world.run(cluster.world.nowMs + QUIET_WITHIN_MS, () => this.open === 0);
    if (!answered) this.violations.push(`Liveness: ${this.open} sends are not settled ${QUIET_WITHIN_MS} ms after the faults ended`);
    const waits = await cluster.untilQuiet(this.tps, QUIET_WITHIN_MS);
    this.violations.push(...waits.map((wait) => `Liveness: ${wait}, ${QUIET_WITHIN_MS} ms after the faults ended`));
    await cluster.world.run(cluster.world.nowMs + QUIET_WITHIN_MS, () => cluster.brokers.every(({ id }) => cluster.isRunning(id) && cluster.offlineDirs(id) === 0));
    for (const { id } of cluster.brokers) if (cluster.offlineDirs(id) > 0) this.violations.push(`Liveness: broker ${id} has a log dir offline`);
    for (const { id, startError } of cluster.brokers) if (!cluster.isRunning(id)) this.violations.push(`Liveness: broker ${id} does not run: ${startError ?? cluster.broker(id).host.exited?.reason}`);
  }

  /** With the faults over, the group must get through everything, and have kept its promises meanwhile. */
  private async finishGroup(): Promise<void> {
    const { cluster, group } = this;
    if (!group) return;
    for (const member of group.members) member.host.resume();
    if (group.alive.length === 0) group.start('last');
    const ends = () => this.tps.map((tp) => ({ tp, end: cluster.logOf(cluster.stateOf(tp)?.leader ?? 0, tp)?.highWatermark ?? Infinity }));
    const losesPower = this.scenario.kinds.includes('power-cut');
    const done = await cluster.world.run(cluster.world.nowMs + QUIET_WITHIN_MS, () => ends().every(({ tp, end }) => group.processedCount(tp) >= end));
    for (const { tp, end } of done || losesPower ? [] : ends()) {
      const left = group.unprocessed(tp, end);
      if (left.length > 0) this.violations.push(`AllProcessed: nobody processed ${left.length} records of ${tpName(tp)}, the first at offset ${left[0]}, ${QUIET_WITHIN_MS} ms after the faults ended`);
    }
    for (const member of group.members) if (member.endedWith !== undefined) this.violations.push(`Liveness: ${member.name} ended with ${member.endedWith}`);
  }

  private async finishOldGroup(): Promise<void> {
    const { cluster, oldGroup } = this;
    if (!oldGroup || this.scenario.kinds.includes('power-cut')) return;
    for (const member of oldGroup.members) member.host.resume();
    if (oldGroup.alive.length === 0) oldGroup.start('old-last');
    const left = () => this.tps.map((tp) => ({ tp, offsets: oldGroup.unread(tp, cluster.logOf(cluster.stateOf(tp)?.leader ?? 0, tp)?.highWatermark ?? 0) })).filter(({ offsets }) => offsets.length > 0);
    await cluster.world.run(cluster.world.nowMs + QUIET_WITHIN_MS, () => left().length === 0);
    for (const { tp, offsets } of left()) this.violations.push(`AllProcessed: ${offsets.length} records of ${tpName(tp)} were handed to no old consumer, the first at offset ${offsets[0]}`);
    for (const member of oldGroup.members) if (member.endedWith !== undefined && !member.host.life.isDead) this.violations.push(`Liveness: ${member.name} ended with ${member.endedWith}`);
  }

  private async readFinal(): Promise<void> {
    const consumer = await this.cluster.consumer();
    consumer.assign(this.tps);
    const ends = new Map<string, number>();
    for (const tp of this.tps) ends.set(tpName(tp), await consumer.endOffset(tp));
    while (this.tps.some((tp) => (this.history.final.get(tpName(tp))?.length ?? 0) < ends.get(tpName(tp))!)) {
      for (const record of await consumer.poll(1000)) this.history.readFinal({ topic: record.topic, partition: record.partition }, record.offset, record.value!.toString());
    }
    await consumer.close();
  }

  private replicaLogs(tp: TopicPartition): ReplicaLog[] {
    return this.cluster.brokers.flatMap(({ id }) => {
      const log = this.cluster.logOf(id, tp);
      if (!log) return [];
      const batches: { baseOffset: number; digest: string }[] = [];
      for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
        for (const chunk of log.read(offset, log.logEndOffset, 1 << 20, true)) {
          for (const batch of batchesOf(chunk)) {
            batches.push({ baseOffset: batch.baseOffset, digest: createHash('md5').update(batch.bytes()).digest('hex') });
            offset = batch.nextOffset;
          }
        }
      }
      return [{ broker: id, startOffset: log.logStartOffset, highWatermark: log.highWatermark, batches }];
    });
  }

  private judge(): void {
    const losesPower = this.scenario.kinds.includes('power-cut');
    const world = this.cluster.world.violations.filter((text) => !losesPower || !/InOrder:|CommitsGoOn:|OneOwner:/.test(text));
    this.violations.push(...world, ...leadersPerEpoch(this.cluster.world.timeline));
    const promised = { ackedIsDurable: !losesPower, ordered: !losesPower, unique: this.scenario.idempotent && !losesPower };
    this.violations.push(...checkHistory(this.history, promised).filter((text) => !losesPower || !text.startsWith('ReadsInOrder')));
    for (const tp of this.tps) this.violations.push(...divergentLogs(tpName(tp), this.replicaLogs(tp)));
  }

  outcome(crash: unknown): Outcome {
    const { world } = this.cluster;
    if (crash !== undefined) this.violations.push(`the run ended early: ${crash instanceof Error ? crash.stack : String(crash)}`, ...world.violations);
    const reached: Record<string, number> = { sent: this.history.sent.size, acked: this.history.count('acked'), unknown: this.history.count('unknown'), duplicates: duplicates(this.history) };
    for (const { what } of world.timeline) reached[what] = (reached[what] ?? 0) + 1;
    return { scenario: this.scenario, violations: this.violations, traceHash: world.traceHash, actions: world.actionsRun, reached, timeline: world.timeline, log: this.cluster.logLines() };
  }
}

/** Runs one scenario to its judgement. Never rejects: what goes wrong is a violation. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const run = new Run(scenario);
  try {
    await run.run();
    return run.outcome(undefined);
  } catch (error) {
    return run.outcome(error ?? 'unknown');
  }
}

/** Leaves faults out while the run still fails: the shortest list that was found. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  let smallest = scenario;
  for (let i = 0; i < smallest.faults.length;) {
    const candidate = { ...smallest, faults: smallest.faults.filter((_, n) => n !== i) };
    if ((await runScenario(candidate)).violations.length > 0) smallest = candidate;
    else i++;
  }
  return smallest;
}

