/**
 * Runs all attacks against a cluster of real processes with bystanders. Each attack has a quiet phase for
 * comparison, the attack itself, and a recovery phase in which everything has to return to normal.
 *
 * Clients have one listener and brokers another, as in a cluster that is open to unknown clients.
 */
import * as path from 'node:path';
import { tpName } from '../common/cluster-types';
import { messageOf } from '../common/errors';
import { AttackerProcess, AttackerReport } from '../lab/attacker-process';
import { BrokerProcess } from '../lab/broker-process';
import { LabCluster, profiles } from '../lab/lab-cluster';
import { LogFollower, resourcesOf } from '../lab/process-resources';
import { VICTIM_TOPIC } from './base-request';
import { Bystanders, BYSTANDER_PARTITIONS, BYSTANDER_TOPIC } from './bystanders';
import { Attack, pause } from './ground';
import { FORGED_LINE } from './hostile-values';
import { isBack, judge, Observation, Standing } from './judge';
import { Row } from './report';

export interface CampaignOptions {
  /** The directory for data and logs; each cluster gets a subdirectory. */
  readonly directory: string;
  readonly seed: string;
  readonly attackMs: number;
  readonly quietMs: number;
  readonly recoveryMs: number;
  readonly isStrict: boolean;
  /**
   * Returns a new path in an existing ZooKeeper for each cluster; by default each cluster starts its own
   * ZooKeeper.
   */
  readonly zookeeper?: () => Promise<string>;
  /** Send only the input with this number, for --replay. */
  readonly number?: number;
  readonly onRow: (row: Row, attacker: AttackerReport) => void;
  readonly say: (line: string) => void;
}

const BROKERS = 3;
const SAMPLE_MS = 250;
/** Shortly after a start the ISR in ZooKeeper may still be the one from before. */
const SETTLE_MS = 1000;
const LOG_PATTERNS = {
  forged: FORGED_LINE,
  surprise: /(Range|Type|Reference|Syntax|Invariant|Assertion)Error|The value of "|[Uu]nhandled/,
};
const WARM_UP_MS = 3000;
const SETTINGS = {
  listeners: 'PLAINTEXT://127.0.0.1:0,INTERNAL://127.0.0.1:0',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
  'inter.broker.listener.name': 'INTERNAL',
  'zookeeper.session.timeout.ms': 18_000,
  'default.replication.factor': 3,
  'auto.create.topics.enable': 'false',
  'offsets.topic.replication.factor': 3,
};

const everybody = Array.from({ length: BROKERS }, (_, i) => i + 1);
const bystanderPartitions = Array.from({ length: BYSTANDER_PARTITIONS }, (_, partition) => ({
  topic: BYSTANDER_TOPIC,
  partition,
}));

export interface CampaignResult {
  readonly rows: readonly Row[];
  /** What was wrong after the brokers were restarted. */
  readonly afterwards: readonly string[];
}

/** A cluster with its bystanders. */
class Scene {
  private readonly logs: readonly LogFollower[];

  private constructor(
    readonly cluster: LabCluster<BrokerProcess>,
    readonly bystanders: Bystanders,
  ) {
    this.logs = cluster.brokers.map((broker) => new LogFollower(broker.logFile, LOG_PATTERNS));
  }

  static async set(directory: string, zookeeper?: string): Promise<Scene> {
    const cluster = await LabCluster.start({
      directory,
      brokers: BROKERS,
      profile: profiles.test!,
      settings: SETTINGS,
      zookeeper,
    });
    try {
      const replicas = (first: number) =>
        Array.from({ length: BROKERS }, (_, i) => ((first + i) % BROKERS) + 1);
      const assignment = new Map(
        bystanderPartitions.map(({ partition }) => [partition, replicas(partition)]),
      );
      await cluster.createTopic(BYSTANDER_TOPIC, assignment, { 'min.insync.replicas': '2' });
      await cluster.createTopic(VICTIM_TOPIC, assignment);
      const bystanders = await Bystanders.open(cluster.environment, cluster.clientConfig);
      await pause(cluster.host.clock, WARM_UP_MS);
      return new Scene(cluster, bystanders);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async standing(): Promise<Standing> {
    const brokers = this.cluster.brokers.map((broker, i) => {
      const { lines, forged, surprises, lastSurprise } = this.logs[i]!.read();
      const held = resourcesOf(broker.pid);
      return {
        id: broker.id,
        residentBytes: held?.residentBytes,
        descriptors: held?.descriptors,
        logLines: lines,
        forgedLines: forged,
        surprises,
        lastSurprise,
      };
    });
    const states = await Promise.all(bystanderPartitions.map((tp) => this.cluster.state(tp)));
    const byName = <T>(value: (i: number) => T) =>
      Object.fromEntries(bystanderPartitions.map((tp, i) => [tpName(tp), value(i)]));
    return {
      brokers,
      controllerEpoch: await this.cluster.controllerEpoch(),
      leaderEpochs: byName((i) => states[i]?.leaderEpoch ?? -1),
      isrs: byName((i) => [...(states[i]?.isr ?? [])].sort().join()),
    };
  }

  get ports(): number[] {
    return this.cluster.brokers.map((broker) => broker.port);
  }

  /**
   * Kills and restarts each broker in turn, because damage on disk shows only after a restart. Prints how
   * long each broker took to be in sync. Returns the problems.
   */
  async restart(say: (line: string) => void): Promise<string[]> {
    const { cluster } = this;
    const { clock } = cluster.host;
    const tps = bystanderPartitions.flatMap((tp) => [tp, { ...tp, topic: VICTIM_TOPIC }]);
    const problems: string[] = [];
    for (const broker of cluster.brokers) {
      const startMs = clock.monotonicMs();
      try {
        await broker.kill9();
        await broker.start();
        await pause(clock, SETTLE_MS);
        for (const tp of tps) await cluster.untilIsr(tp, everybody);
        const tookMs = (clock.monotonicMs() - startMs).toFixed(0);
        say(`broker ${broker.id}, killed and started again, is in sync after ${tookMs} ms`);
      } catch (error) {
        problems.push(`broker ${broker.id} does not come back after a kill: ${messageOf(error)}`);
        break;
      }
    }
    return problems;
  }

  /** Tries a restart, then ends everything. Returns the problems of the restart. */
  async end(say: (line: string) => void): Promise<string[]> {
    try {
      await this.bystanders.close();
      return await this.restart(say);
    } finally {
      await this.cluster.stop();
    }
  }
}

/**
 * The highest use of memory and descriptors of any broker during the attack. The attack ends early if a
 * broker dies.
 */
async function peaks(
  scene: Scene,
  attacker: AttackerProcess,
): Promise<{ peakBytes: number; peakDescriptors: number }> {
  let isOver = false;
  const ended = attacker.ended.finally(() => {
    isOver = true;
  });
  let peakBytes = 0;
  let peakDescriptors = 0;
  while (!isOver) {
    for (const broker of scene.cluster.brokers) {
      const held = resourcesOf(broker.pid);
      peakBytes = Math.max(peakBytes, held?.residentBytes ?? 0);
      peakDescriptors = Math.max(peakDescriptors, held?.descriptors ?? 0);
    }
    const hasEnded = scene.cluster.brokers.some((broker) => !broker.isRunning);
    await Promise.race([ended, pause(scene.cluster.host.clock, SAMPLE_MS)]);
    // The last inputs are the suspects; the attacker has reported them by now.
    if (hasEnded) attacker.kill();
  }
  return { peakBytes, peakDescriptors };
}

async function untilBack(scene: Scene, before: Standing, withinMs: number): Promise<Standing> {
  const { clock } = scene.cluster.host;
  const deadlineMs = clock.monotonicMs() + withinMs;
  for (;;) {
    const now = await scene.standing();
    const hasEnded = now.brokers.some(({ residentBytes }) => residentBytes === undefined);
    if (hasEnded || isBack(before, now) || clock.monotonicMs() >= deadlineMs) return now;
    await pause(clock, SAMPLE_MS);
  }
}

async function tryAttack(scene: Scene, attack: Attack, options: CampaignOptions): Promise<Row> {
  const {
    bystanders,
    cluster: {
      host: { clock },
    },
  } = scene;
  bystanders.startPhase();
  await pause(clock, options.quietMs);
  const quiet = bystanders.experience();
  const before = await scene.standing();
  bystanders.startPhase();
  const attacker = new AttackerProcess({
    attack: attack.name,
    number: options.number,
    seed: options.seed,
    ports: scene.ports,
    forMs: options.attackMs,
  });
  const peak = await peaks(scene, attacker);
  const attacked = bystanders.experience();
  const after = await untilBack(scene, before, options.recoveryMs);
  const missing = await bystanders.missing(options.recoveryMs);
  const { inputs, outcomes } = attacker.report;
  const seen: Observation = {
    name: attack.name,
    inputs,
    outcomes,
    quiet,
    attacked,
    before,
    after,
    ...peak,
    missing: missing.length,
    attackerFailed: await attacker.ended,
  };
  const row = { attack, seen, verdict: judge(seen, options.isStrict) };
  options.onRow(row, attacker.report);
  return row;
}

/** Runs the attacks in turn. After one that did harm, the next attack gets a new cluster. */
export async function runCampaign(
  attacks: readonly Attack[],
  options: CampaignOptions,
): Promise<CampaignResult> {
  const rows: Row[] = [];
  const afterwards: string[] = [];
  let scene: Scene | undefined;
  let clusters = 0;
  try {
    for (const attack of attacks) {
      if (scene === undefined) {
        options.say('starting a ZooKeeper, three brokers and the bystanders ...');
        const directory = path.join(options.directory, `cluster-${++clusters}`);
        scene = await Scene.set(directory, await options.zookeeper?.());
      }
      options.say(`${attack.name}: ${attack.sends}`);
      const row = await tryAttack(scene, attack, options);
      rows.push(row);
      if (row.verdict.problems.length === 0) continue;
      const former = scene;
      scene = undefined;
      afterwards.push(...(await former.end(options.say)));
    }
  } finally {
    if (scene) afterwards.push(...(await scene.end(options.say)));
  }
  return { rows, afterwards };
}
