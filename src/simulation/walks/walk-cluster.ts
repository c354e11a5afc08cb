/**
 * The cluster on which the steps of a walk act: small, simulated, with one or two partitions, without
 * background load, and with a list of all acknowledgements. Steps about a partition apply to the current one.
 *
 * Records are sent by a bare Produce request to one broker, so that a former leader can be asked as well as
 * the current one, and one request is one attempt.
 */
import { NO_LEADER, TopicPartition, tpName } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { RpcConnection } from '../../network/rpc-connection';
import { deleteRecords } from '../../protocol/messages/log-admin';
import { produce } from '../../protocol/messages/produce-fetch';
import { buildBatch } from '../../record/batch-builder';
import { controllerZnode, partitionStateZnode, preferredElectionZnode } from '../../zk/znodes';
import { Partition } from '../../broker/partition';
import { IncarnationChecker } from '../../checkers/incarnations';
import { MomentChecker } from '../../checkers/moment-checks';
import { attachChecks, countedFollowers } from '../attach-checks';
import { Prng } from '../prng';
import { SimCluster } from '../sim-cluster';
import { ZOOKEEPER_HOST } from '../sim-zookeeper';
import { OperationHook, ZkOperation } from '../zk-hooks';
import { WalkReader } from './walk-reader';

const TOPIC = 'w';
/** A broker's memory for large requests of its clients; one large request takes all of it. */
export const ROOM_BYTES = 20000;

export interface WalkSetup {
  readonly seed: string;
  readonly brokers: number;
  /** By partition; the preferred replica first. */
  readonly assignment: readonly (readonly number[])[];
  readonly minIsr: number;
  /** Allows unclean elections; after one, older records are no longer promised. */
  readonly isUnclean?: boolean;
  readonly settings: RawConfig;
}

/** Short virtual timeouts: a step settles within 2 s, a dead broker is detected within 1.5 s. */
const TIMES: RawConfig = {
  'zookeeper.session.timeout.ms': 1500,
  'replica.lag.time.max.ms': 1000,
  'replica.fetch.wait.max.ms': 500,
  'replica.fetch.backoff.ms': 100,
  'replica.socket.timeout.ms': 700,
  'controller.socket.timeout.ms': 700,
  'request.timeout.ms': 700,
  'controlled.shutdown.retry.backoff.ms': 200,
  'controller.retry.backoff.ms': 200,
  'replica.high.watermark.checkpoint.interval.ms': 700,
  'controlled.shutdown.max.retries': 2,
  'isr.change.check.interval.ms': 400,
  'isr.change.quiet.ms': 400,
  'log.segment.bytes': 1048576,
  'queued.max.request.bytes': ROOM_BYTES,
};
const PRODUCE_TIMEOUT_MS = 1200;
const BRING_UP_MS = 60000;
const SLICE_MS = 100;
/** Settled: nothing in `abstractState` has changed for this many slices. */
const CALM_SLICES = 6;
const MAX_SLICES = 40;
const HASTY_MS = 60;
const LONG_MS = 2500;
const WAIT_MS = 4000;
/** After the write was applied, before a new connection is open. */
const BLIND_AFTER_MS = 2.5;
const LAG_MS = 2000;
/** How long a deaf broker has no ZooKeeper connection after each lost response; its session continues. */
const DEAF_MS = 400;

export interface Acked {
  readonly tp: TopicPartition;
  readonly value: string;
  readonly offset: number;
  /** How many times promises had been released before, by a power cut of every member of the ISR. */
  readonly releases: number;
}

export class WalkCluster {
  readonly cluster: SimCluster;
  readonly tps: readonly TopicPartition[];
  /** The current partition. */
  tp: TopicPartition;
  readonly ids: readonly number[];
  /** Records acknowledged with acks=all. */
  readonly acked: Acked[] = [];
  readonly moments: MomentChecker;
  private readonly incarnations: IncarnationChecker;
  /** Partitions with unclean elections have a reader. */ readonly reader: WalkReader | undefined;
  private readonly random: Prng;
  private readonly connections = new Map<number, { generation: number; opening: Promise<RpcConnection> }>();
  private sent = 0;
  /** The steps are done: no more faults. */
  isOver = false;
  /** By broker: until when a client holds all its memory for large requests. */
  readonly roomHeldUntilMs = new Map<number, number>();
  private readonly deaf = new Map<number, OperationHook>();

  constructor(readonly setup: WalkSetup) {
    this.cluster = new SimCluster(setup.seed, setup.brokers, { ...TIMES, ...setup.settings });
    this.tps = setup.assignment.map((_, partition) => ({ topic: TOPIC, partition }));
    this.tp = this.tps[0]!;
    this.ids = this.cluster.brokers.map(({ id }) => id);
    this.random = this.cluster.world.random.split('walk');
    this.incarnations = new IncarnationChecker((violation) => this.cluster.world.violation(violation));
    this.reader = setup.isUnclean ? new WalkReader(this.cluster, this.tps) : undefined;
    this.moments = attachChecks(this.cluster, { isUncleanAllowed: () => setup.isUnclean ?? false });
  }

  async bringUp(): Promise<void> {
    const { cluster, setup, tps } = this;
    cluster.startAll();
    await this.until('all brokers run', () => this.ids.every((id) => cluster.isRunning(id)));
    const assignment = new Map(setup.assignment.entries());
    const creating = cluster.createTopic(TOPIC, assignment, {
      'min.insync.replicas': String(setup.minIsr),
      'unclean.leader.election.enable': String(setup.isUnclean ?? false),
    });
    await cluster.world.complete(creating, BRING_UP_MS, 'creating the topic');
    await this.until('the topic is in sync', () => tps.every((tp) => cluster.isQuiet(tp)));
    this.reader?.start();
  }

  private async until(what: string, done: () => boolean): Promise<void> {
    const { world } = this.cluster;
    if (!(await world.run(world.nowMs + BRING_UP_MS, done)))
      throw new Error(`${what}: not within ${BRING_UP_MS} ms`);
  }

  /** Runs the cluster until the result of `look` stays the same for a while, or for four seconds. */
  async settle(look: () => string): Promise<void> {
    let seen = look();
    for (let slice = 0, calm = 0; slice < MAX_SLICES && calm < CALM_SLICES; slice++) {
      await this.slice();
      const now = look();
      calm = now === seen ? calm + 1 : 0;
      seen = now;
    }
  }

  /** Runs the cluster for a moment, so that the last step takes effect. */
  async hurry(): Promise<void> {
    const { world } = this.cluster;
    await world.run(world.nowMs + this.random.below(HASTY_MS));
    this.lookAtIncarnations();
  }

  private async slice(): Promise<void> {
    const { world } = this.cluster;
    await world.run(world.nowMs + SLICE_MS);
    this.lookAtIncarnations();
  }

  private lookAtIncarnations(): void {
    this.incarnations.looked(countedFollowers(this.cluster, this.tps));
  }

  /** Waits for the condition of a step, for a few seconds at most. */
  async waitUntil(done: () => boolean): Promise<void> {
    const { world } = this.cluster;
    await world.run(world.nowMs + WAIT_MS, done);
  }

  async passTime(): Promise<void> {
    for (let slice = 0; slice < LONG_MS / SLICE_MS; slice++) await this.slice();
  }

  get running(): number[] {
    return this.ids.filter((id) => this.cluster.isRunning(id));
  }
  get stopped(): number[] {
    return this.ids.filter((id) => this.cluster.broker(id).host.life.isDead);
  }
  get leader(): number {
    return this.cluster.stateOf(this.tp)?.leader ?? NO_LEADER;
  }
  get inSync(): readonly number[] {
    return this.cluster.stateOf(this.tp)?.isr ?? [];
  }
  get replicas(): readonly number[] {
    return this.setup.assignment[this.tp.partition]!;
  }
  get preferred(): number {
    return this.replicas[0]!;
  }
  get isLed(): boolean {
    return this.running.includes(this.leader) && this.replica(this.leader)?.isLeader === true;
  }
  get hasCut(): boolean {
    return this.ids.some((a) => this.ids.some((b) => this.isCut(a, b)));
  }

  replica(id: number): Partition | undefined {
    return this.cluster.isRunning(id) ? this.cluster.broker(id).broker!.replicas.get(this.tp) : undefined;
  }

  /** Makes the next partition the current one. */
  lookAtNext(): void {
    this.tp = this.tps[(this.tp.partition + 1) % this.tps.length]!;
  }

  /** The result of `ask` for each partition in turn. */
  ofEach<T>(ask: () => T): T[] {
    const { tp } = this;
    const answers = this.tps.map((each) => {
      this.tp = each;
      return ask();
    });
    this.tp = tp;
    return answers;
  }

  /** Brokers that believe that they are the leader, rightly or not. */
  get believers(): number[] {
    return this.ids.filter((id) => this.replica(id)?.isLeader);
  }

  /** Brokers with a session that can be ended, including dead brokers. */
  get withSession(): number[] {
    return this.ids.filter((id) => this.sessionOf(id) !== undefined);
  }

  private sessionOf(id: number): string | undefined {
    const { broker, isStarted } = this.cluster.broker(id);
    if (!broker || !isStarted) return undefined;
    try {
      const { id: session } = broker.sessionCredentials;
      return this.cluster.zookeeper.isOpen(session) ? session : undefined;
    } catch {
      // Between two sessions there is none.
      return undefined;
    }
  }

  endSession(id: number): void {
    const session = this.sessionOf(id);
    if (session === undefined) return;
    this.cluster.event('expire session', id);
    this.cluster.zookeeper.endSession(session);
  }

  get paused(): number[] {
    return this.ids.filter((id) => this.isPaused(id));
  }
  isPaused(id: number): boolean {
    return this.cluster.broker(id).host.isPaused;
  }
  isCut(a: number, b: number): boolean {
    return this.cluster.network.isCut(`broker-${a}`, `broker-${b}`);
  }
  isCutFromZooKeeper(id: number): boolean {
    return this.cluster.network.isCut(`broker-${id}`, ZOOKEEPER_HOST);
  }

  cut(a: number, b: number): void {
    this.cluster.cutPeers(a, b, true);
  }
  heal(a: number, b: number): void {
    this.cluster.healLink(`broker-${a}`, `broker-${b}`);
  }
  isDeaf(id: number): boolean {
    return this.deaf.has(id);
  }
  healZooKeeper(id: number): void {
    this.deaf.get(id)?.remove();
    this.deaf.delete(id);
    this.cluster.healLink(`broker-${id}`, ZOOKEEPER_HOST);
  }
  healLinks(): void {
    for (const a of this.ids) for (const b of this.ids) if (a < b) this.heal(a, b);
  }

  /** Records acknowledged before the last release may be missing at the end. */
  get releases(): number {
    return this.moments.counts.released;
  }

  powerCut(id: number): void {
    this.cluster.powerCut(id);
  }

  /** From now on the broker is connected to a ZooKeeper member that lags. */
  lag(id: number): void {
    this.cluster.event('lag-zookeeper', id);
    this.cluster.zookeeper.lag(`broker-${id}`, LAG_MS);
  }

  /**
   * The broker's next write of the partition's state is applied, but its response is lost. From then on it
   * cannot reach ZooKeeper: the result stays unknown to it until the link is healed.
   */
  blindAtNextWrite(id: number): void {
    const { zookeeper, world } = this.cluster;
    const path = partitionStateZnode.path(this.tp);
    this.cluster.event('blind at the next write', id);
    zookeeper.loseNextWriteReply(`broker-${id}`, (operation) => {
      if (this.isOver || !operation.paths.includes(path)) return false;
      world.schedule(BLIND_AFTER_MS, () => {
        if (!this.isOver) this.cluster.cutFromZooKeeper(id);
      });
      return true;
    });
  }

  /**
   * From now on the broker loses every response about the partition's state, and its connection: its writes
   * are applied, but it learns neither that nor the state. It keeps its session, so no other broker replaces
   * it.
   */
  deafen(id: number): void {
    const { zookeeper, world } = this.cluster;
    const path = partitionStateZnode.path(this.tp);
    const host = `broker-${id}`;
    this.cluster.event('deaf', id);
    const loses = (operation: ZkOperation) => {
      if (operation.host !== host || !operation.paths.includes(path)) return false;
      world.schedule(BLIND_AFTER_MS, () => {
        if (this.isDeaf(id)) this.cluster.cutFromZooKeeper(id);
      });
      world.schedule(DEAF_MS, () => {
        if (this.isDeaf(id)) this.cluster.healLink(host, ZOOKEEPER_HOST);
      });
      return true;
    };
    this.deaf.set(id, zookeeper.atOperation(loses, 'lose-reply', Infinity));
  }

  /** Cuts the link from leader to follower until the follower is out of the ISR; the link stays cut. */
  async dropFromIsr(id: number): Promise<void> {
    const { leader } = this;
    this.cut(leader, id);
    this.cut(id, leader);
    await this.waitUntil(() => !this.inSync.includes(id));
  }

  /** What a tool writes: `/admin/preferred_replica_election` for the partition. */
  electPreferred(): void {
    const { path } = preferredElectionZnode;
    const { tree } = this.cluster.zookeeper;
    if (tree.exists(path) !== null) return;
    this.cluster.event('preferred election', '');
    this.cluster.zookeeper.changed(
      tree.write(
        { type: 'create', path, data: preferredElectionZnode.encode([this.tp]), mode: 'persistent' },
        'a tool',
      ).changes,
    );
  }

  /** What an operator does with a stuck controller: deletes `/controller`. */
  moveController(): void {
    const { tree } = this.cluster.zookeeper;
    if (tree.exists(controllerZnode.path) === null) return;
    this.cluster.event('delete /controller', '');
    this.cluster.zookeeper.changed(
      tree.write({ type: 'delete', path: controllerZnode.path, version: -1 }, '').changes,
    );
  }

  /** Sends one batch to one broker. An acknowledgement with acks=all is a promise for each record. */
  produce(id: number, acks: 1 | -1, count = 1): void {
    const { tp } = this;
    const values = Array.from({ length: count }, () => `r${this.sent++}`);
    this.cluster.event(
      acks === 1 ? 'produce acks=1' : 'produce acks=all',
      `${id} ${tpName(tp)} ${values.join(',')}`,
    );
    const records = [
      buildBatch(values.map((value) => ({ timestamp: this.wallMs, value: Buffer.from(value) }))),
    ];
    const topicData = [{ name: tp.topic, partitionData: [{ index: tp.partition, records }] }];
    this.connect(id)
      .then((rpc) => rpc.request(produce, { acks, timeoutMs: PRODUCE_TIMEOUT_MS, topicData }))
      .then(
        ({ responses }) => {
          const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
          if (errorCode !== 0 || acks !== -1) return;
          values.forEach((value, i) =>
            this.acked.push({ tp, value, offset: baseOffset + i, releases: this.releases }),
          );
          this.moments.acked(tp, baseOffset + count - 1);
          this.cluster.event('acknowledged', `${values.join(',')} at ${tpName(tp)} ${baseOffset}`);
        },
        () => {},
      );
  }

  /** Asks the broker to delete all but the last committed record, which may be in the middle of a batch. */
  deleteRecords(id: number): void {
    this.reader?.release();
    const offset = (this.replica(id)?.log.highWatermark ?? 0) - 1;
    this.cluster.event('delete records', `${id} below ${offset}`);
    const partitions = [{ partitionIndex: this.tp.partition, offset }];
    const topics = [{ name: this.tp.topic, partitions }];
    this.connect(id)
      .then((rpc) => rpc.request(deleteRecords, { topics, timeoutMs: PRODUCE_TIMEOUT_MS }))
      .catch(() => {});
  }

  private get wallMs(): number {
    const { world } = this.cluster;
    return Math.floor(world.epochMs + world.nowMs);
  }

  private connect(id: number): Promise<RpcConnection> {
    const { generation } = this.cluster.broker(id).host;
    const known = this.connections.get(id);
    if (known?.generation === generation) return known.opening;
    const options = { clientId: 'walk', requestTimeoutMs: PRODUCE_TIMEOUT_MS * 4 };
    const opening = RpcConnection.open(
      this.cluster.environment().host,
      { host: `broker-${id}`, port: 9092 },
      options,
    );
    this.connections.set(id, { generation, opening });
    const forget = () => {
      if (this.connections.get(id)?.opening === opening) this.connections.delete(id);
    };
    opening.then((rpc) => rpc.onClose(forget), forget);
    return opening;
  }

  /** The partition's state as text, for reports. */
  describe(): string {
    const path = partitionStateZnode.path(this.tp);
    const { tree } = this.cluster.zookeeper;
    return tree.exists(path) === null ? 'no state' : tree.get(path).data.toString();
  }
}
