/**
 * Real brokers and real clients on simulated hosts, over one simulated network and one simulated ZooKeeper,
 * with functions that cause faults.
 */
import { Broker } from '../broker/broker';
import { parseBrokerConfig } from '../broker/broker-config';
import { Partition } from '../broker/partition';
import { ClientEnvironment } from '../client/client-config';
import { TopicPartition, tpName } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { messageOf } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { Log } from '../log/log';
import { validateTopicConfig } from '../log/log-config';
import { Producer } from '../producer/producer';
import { createTopic } from '../zk/topic-creation';
import { ZkConnection } from '../zk/zk-connection';
import { partitionStateZnode, topicZnode } from '../zk/znodes';
import { DecodedZnodes } from './decoded-znodes';
import { Prng } from './prng';
import { DiskFailure } from './sim-disk';
import { SimHost } from './sim-host';
import { SimNetwork } from './sim-network';
import { zooKeeperOf } from './sim-zk-session';
import { SimZooKeeper, ZOOKEEPER_HOST } from './sim-zookeeper';
import { World } from './world';

export interface SimBroker {
  readonly id: number;
  readonly host: SimHost;
  broker: Broker | undefined;
  /** The error of the last start, if it failed. */
  startError: string | undefined;
  isStarted: boolean;
  /** The last process ended by a clean shutdown with all its log dirs, so everything is durable. */
  hasStoppedCleanly: boolean;
}

/** Short timeouts, so that a run of one virtual minute has many elections. */
const SIM_DEFAULTS: RawConfig = {
  'zookeeper.connect': 'zookeeper:2181',
  'zookeeper.session.timeout.ms': 6000,
  'replica.lag.time.max.ms': 4000,
  'replica.fetch.wait.max.ms': 500,
  'replica.fetch.backoff.ms': 200,
  'replica.socket.timeout.ms': 5000,
  'controller.socket.timeout.ms': 5000,
  'request.timeout.ms': 5000,
  'replica.high.watermark.checkpoint.interval.ms': 2000,
  'log.flush.offset.checkpoint.interval.ms': 10000,
  'log.retention.check.interval.ms': 60000,
  'isr.change.check.interval.ms': 1000,
  'isr.change.quiet.ms': 1000,
  'controlled.shutdown.retry.backoff.ms': 500,
  'event.loop.stall.warn.ms': 2000,
  'auto.leader.rebalance.enable': 'false',
  'log.segment.delete.delay.ms': 5000,
  'auto.create.topics.enable': 'false',
  'log.flush.scheduler.interval.ms': 60000,
};

export class SimCluster {
  readonly world: World;
  readonly network: SimNetwork;
  readonly zookeeper: SimZooKeeper;
  readonly brokers: SimBroker[] = [];
  private readonly random: Prng;
  private clients = 0;
  private readonly states = new DecodedZnodes<ReturnType<typeof partitionStateZnode.decode>>();
  private readonly topics = new DecodedZnodes<ReturnType<typeof topicZnode.decode>>();

  /** In `overrides`, `{host}` in the listeners is replaced by the broker's host name. */
  constructor(
    seed: string,
    brokerCount: number,
    private readonly overrides: RawConfig = {},
  ) {
    this.world = new World(seed);
    this.random = this.world.random.split('cluster');
    this.network = new SimNetwork(this.world);
    this.zookeeper = new SimZooKeeper(this.world, this.network);
    for (let id = 1; id <= brokerCount; id++) {
      this.brokers.push({
        id,
        host: new SimHost(this.world, this.network, `broker-${id}`),
        broker: undefined,
        startError: undefined,
        isStarted: false,
        hasStoppedCleanly: false,
      });
    }
  }

  broker(id: number): SimBroker {
    return this.brokers[id - 1]!;
  }

  isRunning(id: number): boolean {
    const one = this.brokers[id - 1];
    return one !== undefined && one.isStarted && !one.host.life.isDead;
  }

  /** Starts a process of the broker; `overrides` apply to this process only. */
  start(id: number, overrides: RawConfig = {}): void {
    const one = this.broker(id);
    if (!one.host.life.isDead) return;
    const host = one.host.boot();
    const { generation } = one.host;
    const config = parseBrokerConfig({ ...this.settingsOf(id), ...overrides });
    one.broker = new Broker(config, host, zooKeeperOf(this.zookeeper, one.host));
    one.isStarted = false;
    one.startError = undefined;
    one.hasStoppedCleanly = false;
    this.event('start', id);
    one.broker.start().then(
      () => {
        if (one.host.isAlive(generation)) one.isStarted = true;
      },
      (error) => {
        if (!one.host.isAlive(generation)) return;
        one.startError = messageOf(error);
        one.host.kill();
      },
    );
  }

  startAll(): void {
    for (const { id } of this.brokers) this.start(id);
  }

  event(fault: string, target: number | string): void {
    this.world.event('simulation', { what: 'fault', fault, target });
  }

  kill(id: number): void {
    this.event('kill -9', id);
    this.broker(id).host.kill();
  }

  powerCut(id: number): void {
    this.event('power cut', id);
    this.broker(id).host.powerCut(this.random.split(`power-${id}-${this.world.nowMs}`));
  }

  /** SIGTERM: a clean shutdown, which ends the process. */
  terminate(id: number): void {
    const one = this.broker(id);
    const { host, broker, isStarted } = one;
    if (host.life.isDead || !broker || !isStarted) return;
    this.event('SIGTERM', id);
    const { generation } = host;
    const end = (isClean: boolean) => {
      if (!host.isAlive(generation)) return;
      one.hasStoppedCleanly = isClean && this.offlineDirs(id) === 0;
      host.kill();
    };
    broker.shutdown().then(
      () => end(true),
      () => end(false),
    );
  }

  /**
   * The machine of a cleanly stopped broker loses power: everything is durable, so nothing is released from
   * the promises.
   */
  powerCutAfterStop(id: number): void {
    const { host, hasStoppedCleanly } = this.broker(id);
    if (!host.life.isDead || !hasStoppedCleanly) return;
    this.event('power cut after a clean stop', id);
    host.powerCut(this.random.split(`power-${id}-${this.world.nowMs}`));
  }

  pause(id: number): void {
    this.event('SIGSTOP', id);
    this.broker(id).host.pause();
  }

  resume(id: number): void {
    this.event('SIGCONT', id);
    this.broker(id).host.resume();
  }

  cutFromZooKeeper(id: number): void {
    this.event('cut from ZooKeeper', id);
    this.network.cut(`broker-${id}`, ZOOKEEPER_HOST);
  }

  cutPeers(a: number, b: number, oneWay: boolean): void {
    this.event(oneWay ? 'cut one way' : 'cut', `${a}>${b}`);
    this.network.cut(`broker-${a}`, `broker-${b}`);
    if (!oneWay) this.network.cut(`broker-${b}`, `broker-${a}`);
  }

  healLink(a: string, b: string): void {
    this.network.heal(a, b);
    this.network.heal(b, a);
  }

  expireSession(id: number): void {
    const { broker, isStarted, host } = this.broker(id);
    if (host.life.isDead || !isStarted) return;
    this.event('expire session', id);
    try {
      this.zookeeper.endSession(broker!.sessionCredentials.id);
    } catch {
      // Between two sessions there is none to expire.
    }
  }

  setZooKeeperDown(down: boolean): void {
    this.event(down ? 'ZooKeeper down' : 'ZooKeeper up', '');
    this.zookeeper.setDown(down);
  }

  /** The disk below `path` fails (EIO) or is full (ENOSPC). */
  failDisk(id: number, code: DiskFailure['code'], path: string): void {
    this.event(`disk ${code}`, `${id} ${path}`);
    this.broker(id).host.disk.fail({
      path,
      code,
      random: this.random.split(`disk-${id}-${this.world.nowMs}`),
    });
  }

  /** Repairs the disk. A log dir that went offline is back after the next start of its broker. */
  mendDisk(id: number): void {
    this.broker(id).host.disk.heal();
    if (this.offlineDirs(id) > 0) this.kill(id);
    if (this.broker(id).host.life.isDead) this.start(id);
  }

  logDirsOf(id: number): readonly string[] {
    return String(this.settingsOf(id)['log.dirs']).split(',');
  }

  private settingsOf(id: number): RawConfig {
    const own = { 'listeners': 'PLAINTEXT://{host}:9092', 'log.dirs': '/data' };
    const settings: RawConfig = { ...SIM_DEFAULTS, ...own, ...this.overrides };
    const listeners = String(settings.listeners).replaceAll('{host}', `broker-${id}`);
    return { ...settings, 'broker.id': id, listeners };
  }

  offlineDirs(id: number): number {
    const { broker, host } = this.broker(id);
    return host.life.isDead
      ? 0
      : (broker?.metrics.read('kafka.log:type=LogManager,name=OfflineLogDirectoryCount') ?? 0);
  }

  /** Ends every fault that needs no start: links, pauses, ZooKeeper, disks. Dead brokers stay dead. */
  healLinks(): void {
    this.zookeeper.setDown(false);
    this.network.healAll();
    for (const { host } of this.brokers) {
      host.resume();
      host.disk.heal();
      host.flushDelayMs = 0;
      host.timerDelayMs = 0;
      if (this.zookeeper.memberOf(host.name)) this.zookeeper.lag(host.name, 0);
    }
  }

  /** Ends every fault, and starts brokers that are dead or have an offline log dir. */
  heal(): void {
    this.healLinks();
    for (const { id } of this.brokers) this.mendDisk(id);
    this.startAll();
  }

  /** The host of the latest client. */
  get lastClient(): string {
    return `client-${this.clients}`;
  }

  get clientHosts(): string[] {
    return Array.from({ length: this.clients }, (_, i) => `client-${i + 1}`);
  }

  /** The host of one of the clients. */
  clientHost(n: number): string {
    return `client-${(n % Math.max(1, this.clients)) + 1}`;
  }

  /** The environment of a new client on a host of its own. */
  environment(): ClientEnvironment & { readonly simHost: SimHost } {
    const simHost = new SimHost(this.world, this.network, `client-${++this.clients}`);
    return { simHost, host: simHost.boot(), zookeeper: () => zooKeeperOf(this.zookeeper, simHost) };
  }

  producer(config: RawConfig = {}): Promise<Producer> {
    return Producer.open(this.environment(), {
      'zookeeper.connect': 'zookeeper:2181',
      'request.timeout.ms': 5000,
      'zookeeper.session.timeout.ms': 6000,
      ...config,
    });
  }

  consumer(config: RawConfig = {}): Promise<Consumer> {
    return Consumer.open(this.environment(), {
      'zookeeper.connect': 'zookeeper:2181',
      'request.timeout.ms': 5000,
      'zookeeper.session.timeout.ms': 6000,
      'auto.offset.reset': 'earliest',
      ...config,
    });
  }

  async createTopic(
    name: string,
    assignment: ReadonlyMap<number, readonly number[]>,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { host, zookeeper } = this.environment();
    const zk = await ZkConnection.open(host, zookeeper(''), {
      sessionTimeoutMs: 6000,
      connectTimeoutMs: 30000,
      maxInFlightRequests: 64,
    });
    await createTopic(
      zk,
      host.random,
      { name, partitions: -1, replicationFactor: -1, assignment, configs },
      { validateConfig: validateTopicConfig, validateOnly: false },
    );
    await zk.close();
  }

  stateOf(tp: TopicPartition) {
    const path = partitionStateZnode.path(tp);
    const znode = this.zookeeper.tree.peek(path);
    return (
      znode && this.states.of(path, znode, () => partitionStateZnode.decode(tp, znode.data, znode.version))
    );
  }

  existsTopic(topic: string): boolean {
    return this.zookeeper.tree.exists(topicZnode.path(topic)) !== null;
  }

  assignmentOf(tp: TopicPartition): readonly number[] {
    const path = topicZnode.path(tp.topic);
    const znode = this.zookeeper.tree.peek(path) ?? this.zookeeper.tree.get(path);
    const decode = () => topicZnode.decode(tp.topic, znode.data);
    return this.topics.of(path, { data: znode.data, version: 0 }, decode).partitions.get(tp.partition) ?? [];
  }

  /** The replica on a running broker; undefined while the broker starts, or if it has no such replica. */
  partitionOf(id: number, tp: TopicPartition): Partition | undefined {
    const one = this.brokers[id - 1];
    if (!one || one.host.life.isDead) return undefined;
    try {
      return one.broker?.replicas.get(tp);
    } catch {
      return undefined;
    }
  }

  logOf(id: number, tp: TopicPartition): Log | undefined {
    return this.isRunning(id) ? this.broker(id).broker!.replicas.get(tp)?.log : undefined;
  }

  /**
   * There is a leader, all replicas are in the ISR, and all have the same log end offset and high watermark.
   */
  isQuiet(tp: TopicPartition): boolean {
    return this.unquiet(tp) === undefined;
  }

  /** What the partition still waits for; undefined if it is quiet. */
  unquiet(tp: TopicPartition): string | undefined {
    const state = this.stateOf(tp);
    const assignment = this.assignmentOf(tp);
    if (!state) return `${tpName(tp)} has no state`;
    if (!this.isRunning(state.leader)) return `${tpName(tp)} is led by ${state.leader}, which does not run`;
    if (state.isr.length < assignment.length) return `${tpName(tp)} has ISR ${state.isr} of ${assignment}`;
    const logs = assignment.map((id) => this.logOf(id, tp));
    if (logs.some((log) => !log)) return `${tpName(tp)} has a replica without log`;
    const ends = logs.map((log) => log!.logEndOffset);
    if (new Set(ends).size > 1) return `${tpName(tp)} has log ends ${ends}`;
    if (logs.some((log) => log!.highWatermark !== ends[0]))
      return (
        `${tpName(tp)} has high watermarks ${logs.map((log) => log!.highWatermark)} at log end ` +
        `${ends[0]}`
      );
    return undefined;
  }

  async untilQuiet(tps: readonly TopicPartition[], withinMs: number): Promise<string[]> {
    const done = await this.world.run(this.world.nowMs + withinMs, () => tps.every((tp) => this.isQuiet(tp)));
    return done ? [] : tps.flatMap((tp) => this.unquiet(tp) ?? []);
  }

  logLines(): string[] {
    const lines = this.brokers
      .flatMap(({ host }) => host.logLines)
      .map((line) => ({ line, atMs: parseFloat(line) }));
    return lines.sort((a, b) => a.atMs - b.atMs).map(({ line }) => line);
  }
}
