/**
 * A cluster of real processes as the lab's server shows it: who observes, who judges, who acts, put together.
 * Either the lab starts it, with a scene as the virtual one's, or it joins one that runs, and writes nothing
 * until somebody asks for it.
 */
import { nodeHost, silentLog } from '../../../src/host/node-host';
import { RawConfig } from '../../../src/common/config-def';
import { Profile } from '../../../src/lab/lab-cluster';
import { realZooKeeper } from '../../../src/zk/real-zookeeper';
import { EventTeller } from '../../engine/event-log';
import { ClientContext, ClientPlatform } from '../../engine/lab-producer';
import { Ledger } from '../../engine/ledger';
import { VerdictSight } from '../../shared/events';
import { Action } from '../../shared/run';
import { EventHub } from '../event-hub';
import { LiveCluster } from '../lab-server';
import { AttachedProcesses } from './attached-processes';
import { BrokerBook } from './broker-book';
import { RealGroupWatch } from './group-watch';
import { LogScans } from './log-scans';
import { Observer } from './observer';
import { OwnProcesses } from './own-processes';
import { Processes, Refusal } from './processes';
import { RealChecks } from './real-checks';
import { RealCommands } from './real-commands';
import { setScene } from './scene';

/** The programs' own numbers are looked at so often. */
const LOOK_MS = 50;

export interface StartOptions {
  readonly directory: string;
  readonly brokers: number;
  readonly profile: Profile;
}

export interface AttachOptions {
  readonly connect: string;
  readonly listener: string | undefined;
  readonly directory: string | undefined;
  readonly starter: readonly string[] | undefined;
  readonly handsOff: string | undefined;
  /** Of the brokers' sessions; undefined: not known. */
  readonly sessionTimeoutMs: number | undefined;
}

interface Parts {
  readonly hub: EventHub;
  readonly book: BrokerBook;
  readonly processes: Processes;
  readonly connect: string;
  readonly listener: string | undefined;
  readonly registered: (broker: number, isRegistered: boolean) => void;
}

/** While a log is read the ledger counts again and again; its verdict is told when it is another. */
function withoutRepeats(hub: EventHub): EventTeller {
  let last = '';
  return {
    happened: (who, what, fields) => hub.happened(who, what, fields),
    see: (who, sight) => {
      const text = JSON.stringify(sight);
      if (text !== last) hub.see(who, sight);
      last = text;
    },
  };
}

export class RealCluster implements LiveCluster {
  readonly hub: EventHub;
  private readonly host = nodeHost({ name: 'lab', log: silentLog });
  private readonly checks: RealChecks;
  private readonly scans: LogScans;
  private readonly ledger: Ledger;
  private readonly groups: RealGroupWatch;
  readonly observer: Observer;
  readonly commands: RealCommands;
  private readonly timer: NodeJS.Timeout;
  private clients = 0;

  protected constructor(protected readonly parts: Parts) {
    const { hub, book, connect, processes, listener } = parts;
    this.hub = hub;
    this.checks = new RealChecks(hub);
    const settings = this.clientSettings;
    this.scans = new LogScans({
      environment: () => this.environment(),
      settings,
      logEnd: async (tp) => {
        const leader = this.observer.replicas.stateOf(tp.topic, tp.partition)?.leader ?? -1;
        return leader < 0 ? undefined : this.observer.offsets.logEnd(leader, tp);
      },
    });
    this.ledger = new Ledger(this.scans, withoutRepeats(hub));
    this.observer = new Observer({
      ...{ host: this.host, hub, connect, listener, book, checks: this.checks },
      filesOf: (id) => processes.filesOf(id),
      mayHaveLost: (tp) => {
        this.scans.invalidate(tp);
        this.ledger.mayHaveLost(tp);
      },
      registered: parts.registered,
    });
    this.commands = new RealCommands({
      ...{ host: this.host, hub, connect, book, processes, checks: this.checks },
      clients: this.context(settings),
      stateOf: (topic, partition) => this.observer.replicas.stateOf(topic, partition),
    });
    const groupsOf = () =>
      [...this.commands.consumers.values()].flatMap(({ plan: { group } }) => group ?? []);
    this.groups = new RealGroupWatch(hub, this.environment(), settings, () => [...new Set(groupsOf())]);
    hub.onEvent.push((event) => {
      if (event.what === 'verdict') this.checks.verdictIs(event as unknown as VerdictSight);
    });
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  /** A cluster of the lab's own; resolves when its ZooKeeper serves. */
  static async open(options: StartOptions, hub: EventHub): Promise<OwnCluster> {
    const { directory, brokers, profile } = options;
    const session = Number(profile.settings['zookeeper.session.timeout.ms'] ?? 18_000);
    const book = new BrokerBook(hub, session);
    const processes = await OwnProcesses.open({ directory, brokers, profile, hub, book });
    const { connect } = processes;
    const count = `${brokers} real broker${brokers === 1 ? '' : 's'}`;
    const title = `${count} · ZooKeeper ${connect} · profile ${profile.name}`;
    hub.describe({ title, cannot: processes.cannot });
    return new OwnCluster(
      { hub, book, processes, connect, listener: undefined, registered: () => {} },
      brokers,
    );
  }

  /** A cluster that somebody else has started. */
  static async attach(options: AttachOptions, hub: EventHub): Promise<RealCluster> {
    const { connect, listener, sessionTimeoutMs, handsOff } = options;
    const book = new BrokerBook(hub, sessionTimeoutMs);
    const processes = new AttachedProcesses({ ...options, hub, book });
    hub.describe({
      title: `${handsOff === undefined ? 'joined' : 'a story'} · ZooKeeper ${connect}`,
      cannot: processes.cannot,
    });
    const cluster = new RealCluster({
      ...{ hub, book, processes, connect, listener },
      registered: (id, isRegistered) => processes.registered(id, isRegistered),
    });
    try {
      for (const id of processes.ids) cluster.observer.follow(id);
      await cluster.observer.start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    hub.see('lab', { what: 'ready' });
    return cluster;
  }

  private get clientSettings(): RawConfig {
    const { connect, listener } = this.parts;
    return {
      'zookeeper.connect': connect,
      'zookeeper.session.timeout.ms': 6000,
      'request.timeout.ms': 5000,
      ...(listener === undefined ? {} : { 'listener.name': listener }),
    };
  }

  private environment(): ReturnType<ClientPlatform['environment']> {
    const hostName = `client-${++this.clients}`;
    return { host: this.host, zookeeper: (connect) => realZooKeeper(this.host, connect), hostName };
  }

  private context(clientSettings: RawConfig): ClientContext {
    const { hub } = this.parts;
    return {
      platform: {
        nowMs: () => hub.nowMs,
        schedule: (delayMs, run) => void setTimeout(run, delayMs),
        environment: () => this.environment(),
      },
      ...{ log: hub, ledger: this.ledger, checks: this.checks, clientSettings },
      committedTo: this.observer.replicas.highWatermarks,
    };
  }

  private look(): void {
    this.commands.look();
    this.ledger.look();
  }

  perform(action: Action): Promise<Refusal> {
    return this.commands.perform(action);
  }

  /** Ends what the lab has started, and nothing else. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.commands.stopAll();
    this.scans.close();
    await Promise.all([this.groups.close(), this.observer.close()]);
    await this.parts.processes.stop();
  }
}

/** A cluster of the lab's own. */
export class OwnCluster extends RealCluster {
  constructor(
    protected override readonly parts: Parts & { readonly processes: OwnProcesses },
    private readonly brokers: number,
  ) {
    super(parts);
  }

  /** Resolves when its brokers run and the scene is set. */
  async begin(): Promise<void> {
    const { hub, book, processes } = this.parts;
    await this.observer.start();
    for (let id = 1; id <= this.brokers; id++) this.observer.follow(id);
    await processes.startAll();
    await setScene({ hub, book, brokers: this.brokers, cluster: this });
  }
}
