/**
 * The production brokers and clients of a run under virtual time, told as events and driven by actions.
 *
 * Invariant: the events depend on the run alone. So the watchers look after every action of the simulation,
 * never at the end of a step of ours, and an action of the user is done when everything due by then is over.
 */
import { RawConfig } from '../../src/common/config-def';
import { SimCluster } from '../../src/simulation/sim-cluster';
import { LabEvent } from '../shared/events';
import { Action, Command, Run, withAction } from '../shared/run';
import { MessageDetails } from '../shared/worker-protocol';
import { BrokerWatch } from './broker-watch';
import { Commands, VirtualContext } from './commands';
import { EventLog } from './event-log';
import { GroupWatch } from './group-watch';
import { InFlight } from './in-flight';
import { LabChecks } from './lab-checks';
import { ClientPlatform } from './lab-producer';
import { Ledger, leaderLogsOf } from './ledger';
import { detailsOf } from './message-details';
import { MessageFaults } from './message-faults';
import { MessageWatch } from './message-watch';
import { watchersOf } from './peek';
import { brokerSettings, clientSettings } from './profiles';
import { Scene } from './scene';
import { ZooKeeperMessages } from './zookeeper-messages';
import { ZooKeeperWatch } from './zookeeper-watch';

const DISK_LOOK_MS = 250;
const COMPARE_MS = 2000;
/** The timeline is handed on as it comes; what is kept of it is for nobody. */
const MAX_TIMELINE = 1000;
/** Told otherwise (replicas), or of interest to faults alone. */
const NOT_TOLD: ReadonlySet<string> = new Set(['high-watermark-moved', 'checkpoint-written']);

/** Each program on a host of its own. */
function platformOf(cluster: SimCluster): ClientPlatform {
  const { world } = cluster;
  return {
    nowMs: () => world.nowMs,
    schedule: (delayMs, run) => void world.schedule(delayMs, run),
    environment: () => {
      const environment = cluster.environment();
      const { simHost } = environment;
      return { ...environment, hostName: simHost.name, crash: () => simHost.kill() };
    },
  };
}

export class VirtualCluster {
  readonly cluster: SimCluster;
  readonly messages: MessageWatch;
  private readonly log: EventLog;
  private readonly brokers: BrokerWatch;
  private readonly zookeeper: ZooKeeperWatch;
  private readonly zookeeperMessages: ZooKeeperMessages;
  private readonly groups: GroupWatch;
  private readonly checks: LabChecks;
  private readonly ledger: Ledger;
  private readonly commands: Commands;
  private readonly scene: Scene;
  private run_: Run;
  /** Of the run's actions, how many are done. */
  private done = 0;

  /** Throws KafkaError for a bad setting of the brokers. */
  constructor(run: Run) {
    this.run_ = run;
    const settings: RawConfig = { ...brokerSettings(run.profile), ...run.settings };
    const cluster = (this.cluster = new SimCluster(run.seed, run.brokers, settings));
    const { world } = cluster;
    const log = (this.log = new EventLog(() => world.nowMs));
    const flights = new InFlight(cluster);
    this.messages = new MessageWatch(log, () => world.nowMs, flights);
    cluster.network.onChunk = (chunk) => this.messages.chunk(chunk);
    this.zookeeperMessages = new ZooKeeperMessages(cluster, this.messages);
    this.zookeeper = new ZooKeeperWatch(cluster, log);
    this.checks = new LabChecks(cluster, log, String(settings['unclean.leader.election.enable']) === 'true');
    this.ledger = new Ledger(leaderLogsOf(cluster), log);
    this.brokers = new BrokerWatch(cluster, log);
    this.groups = new GroupWatch(cluster, log);
    const { ledger, checks } = this;
    const context: VirtualContext = {
      cluster,
      platform: platformOf(cluster),
      log,
      ledger,
      checks,
      clientSettings: clientSettings(run.profile),
      committedTo: this.brokers.committedTo,
    };
    const faults = new MessageFaults(cluster, log, this.messages, flights, this.zookeeperMessages);
    this.commands = new Commands(context, this.brokers, flights, faults);
    this.scene = new Scene(run, cluster, this.commands, log);
    this.listen();
    this.every(DISK_LOOK_MS, () => this.brokers.lookAtDisks());
    this.every(COMPARE_MS, () => this.checks.compareReplicas());
    this.scene.begin();
    this.look();
  }

  get run(): Run {
    return this.run_;
  }
  get nowMs(): number {
    return this.cluster.world.nowMs;
  }
  get isReady(): boolean {
    return this.scene.isReady;
  }
  get traceHash(): string {
    return this.cluster.world.traceHash.toString(16).padStart(8, '0');
  }
  /** The number of the last event. */
  get lastSeq(): number {
    return this.log.seq;
  }
  /** Happenings so far. */
  get happenings(): number {
    return this.log.happenings;
  }
  get lastActionMs(): number | null {
    const last = this.run_.actions.at(-1);
    return last && this.done < this.run_.actions.length ? last.atMs : null;
  }

  private listen(): void {
    const { world } = this.cluster;
    world.onEvent.push((event) => {
      if (!NOT_TOLD.has(event.what)) this.log.timeline(event);
      if (world.timeline.length > MAX_TIMELINE) world.timeline.length = 0;
      if (event.what === 'became-leader' || event.what === 'truncated') {
        this.ledger.mayHaveLost({ topic: event.topic as string, partition: event.partition as number });
      }
    });
  }

  private every(ms: number, work: () => void): void {
    this.cluster.world.schedule(ms, () => {
      work();
      this.every(ms, work);
    });
  }

  /** After each action of the simulation. */
  private look(): void {
    this.zookeeperMessages.actionIsOver();
    this.zookeeper.look();
    this.brokers.look();
    this.groups.look();
    for (const producer of this.commands.producers.values()) producer.look();
    for (const consumer of this.commands.consumers.values()) consumer.look();
    this.ledger.look();
    this.checks.look();
    this.scene.look();
  }

  /** Goes on to `untilMs` and does the run's actions on the way; ends early, with true, when `isDone`. */
  async advance(untilMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    const { world } = this.cluster;
    const looked = () => {
      this.look();
      return isDone();
    };
    for (;;) {
      const next = this.run_.actions[this.done];
      const toMs = next ? Math.min(next.atMs, untilMs) : untilMs;
      if (await world.run(toMs, looked)) return true;
      if (!next || next.atMs > untilMs) return false;
      this.done++;
      this.perform(next);
    }
  }

  private perform({ atMs: _atMs, ...action }: Command): void {
    this.log.happened('user', 'command', { action });
    const refusal = this.commands.perform(action as Action);
    if (refusal !== undefined) this.log.happened('user', 'refused', { action, why: refusal });
    this.look();
  }

  /** Does an action now. Later actions of the run are dropped: a branch. */
  async command(action: Action): Promise<void> {
    await this.advance(this.nowMs);
    this.run_ = withAction(this.run_, action, this.nowMs);
    await this.advance(this.nowMs);
  }

  /** What happened since the last time. */
  drain(): LabEvent[] {
    return this.log.drain();
  }

  /** The hosts that watch a znode now. */
  watchers(path: string): string[] {
    return watchersOf(this.cluster.zookeeper, path);
  }

  /** Undefined: it was long ago, or never. */
  details(message: number): MessageDetails | undefined {
    const found = this.messages.find(message);
    return found && detailsOf(found);
  }
}
