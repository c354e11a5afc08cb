/**
 * The cluster on which the steps of a group walk act: three brokers, a topic, `__consumer_offsets`, which is
 * created at the first FindCoordinator, three places for consumers, two producers, and links that can be cut,
 * delayed or reset.
 */
import { GROUP_METADATA_TOPIC, NO_LEADER, TopicPartition, tpName } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { History } from '../../checkers/history';
import { MomentChecker } from '../../checkers/moment-checks';
import { preferredElectionZnode, topicZnode } from '../../zk/znodes';
import { attachChecks } from '../attach-checks';
import { Prng } from '../prng';
import { SimCluster } from '../sim-cluster';
import { SeededSetup } from '../walks/alphabet';
import { offsetsPartitionOf } from '../coordinators';
import { watchedAssignor } from './assignment-book';
import { GroupBooks } from './group-books';
import { BROKER_TIMES, CONSUMER_TIMES, PRODUCER_TIMES } from './group-times';
import { CommitStyle, WalkMember } from './walk-member';
import { WalkProducer } from './walk-producer';

export const GROUP_TOPIC = 'w';
const GROUP = 'g';
/** The topic's max.message.bytes. */
export const MAX_MESSAGE_BYTES = 1000;

export interface GroupSetup extends SeededSetup {
  readonly styles: readonly CommitStyle[];
  readonly assignor: 'range' | 'sticky' | 'cooperative-sticky';
  readonly discovery: 'zookeeper' | 'bootstrap';
  /** Whether the third consumer assigns partitions to itself, with a group id of its own. */
  readonly hasLoner: boolean;
  /** The number of consumers that have joined, and of partitions that have records, before the first step. */
  readonly joined: number;
  /**
   * Whether the idempotent producer retries for as long as the walk takes, so that every send gets an
   * outcome.
   */
  readonly isPatient?: boolean;
  /** Whether brokers and links fail. If not, no call of a client may fail. */
  readonly hasFaults: boolean;
}

const IDS = [1, 2, 3];
const PLACES = [1, 2, 3];
export const FIRST_PRODUCER = PLACES.length + 1;
const REPLICAS: readonly (readonly number[])[] = [
  [1, 2, 3],
  [2, 3, 1],
];
const FIRST_RECORDS = 3;
const BRING_UP_MS = 60000;
const SLICE_MS = 100;
const CALM_SLICES = 5;
const MAX_SLICES = 30;
const HASTY_MS = 80;
const PATIENT_MS = 300000;

export class GroupCluster {
  readonly cluster: SimCluster;
  readonly history = new History();
  readonly moments: MomentChecker;
  readonly ids = IDS;
  readonly partitions: TopicPartition[] = REPLICAS.map((_, partition) => ({ topic: GROUP_TOPIC, partition }));
  readonly books: GroupBooks;
  private readonly lonerBooks: GroupBooks;
  /** By place. */
  readonly members = new Map<number, WalkMember>();
  readonly past: WalkMember[] = [];
  readonly producers: WalkProducer[] = [];
  /** A fault has happened, so commits may be refused. */
  isDisturbed = false;
  private readonly random: Prng;
  private started = 0;

  constructor(readonly setup: GroupSetup) {
    this.cluster = new SimCluster(setup.seed, IDS.length, { ...BROKER_TIMES, ...setup.settings });
    this.random = this.cluster.world.random.split('walk');
    this.moments = attachChecks(this.cluster);
    this.books = new GroupBooks(this.cluster, GROUP, this.partitions);
    this.lonerBooks = new GroupBooks(this.cluster, 'loner', this.partitions);
  }

  async bringUp(): Promise<void> {
    const { cluster } = this;
    cluster.startAll();
    await this.until('all brokers run', () => this.ids.every((id) => cluster.isRunning(id)));
    const assignment = new Map(REPLICAS.entries());
    const creating = cluster.createTopic(GROUP_TOPIC, assignment, {
      'min.insync.replicas': '2',
      'max.message.bytes': String(MAX_MESSAGE_BYTES),
    });
    await cluster.world.complete(creating, BRING_UP_MS, 'creating the topic');
    await this.until('the topic is in sync', () => this.partitions.every((tp) => cluster.isQuiet(tp)));
    const producer = (name: string, isPromised: boolean, config: RawConfig) =>
      this.producers.push(
        new WalkProducer(
          { name, isPromised, config: { ...this.discovery, ...PRODUCER_TIMES, ...config } },
          cluster,
          this.history,
          this.moments,
        ),
      );
    const patience: RawConfig = this.setup.isPatient ? { 'delivery.timeout.ms': PATIENT_MS } : {};
    producer('idempotent', true, { 'acks': 'all', 'enable.idempotence': true, ...patience });
    const plain = { 'enable.idempotence': false, 'max.in.flight.requests.per.connection': 1 };
    producer('plain', false, { ...plain, 'acks': '1' });
    for (let place = 1; place <= this.setup.joined; place++) {
      this.join(place);
      this.producers[0]!.send(this.partitions[place - 1]!, FIRST_RECORDS);
    }
    const isOwned = (tp: TopicPartition) =>
      this.places(({ readings }) => readings.has(tpName(tp))).length > 0;
    const isReady = () => this.setup.joined === 0 || this.partitions.every(isOwned);
    await this.until('the partitions are owned', () => isReady() && this.producers[0]!.open === 0);
  }

  private async until(what: string, done: () => boolean): Promise<void> {
    const { world } = this.cluster;
    if (await world.run(world.nowMs + BRING_UP_MS, done)) return;
    throw new Error(`${what}: not within ${BRING_UP_MS} ms`);
  }

  private get discovery(): RawConfig {
    if (this.setup.discovery === 'zookeeper') {
      return { 'zookeeper.connect': 'zookeeper:2181', 'zookeeper.session.timeout.ms': 6000 };
    }
    return { 'bootstrap.servers': IDS.map((id) => `broker-${id}:9092`).join(',') };
  }

  /** Runs the cluster until the result of `look` stays the same for a while, or for three seconds. */
  async settle(look: () => string): Promise<void> {
    const { world } = this.cluster;
    let seen = look();
    for (let slice = 0, calm = 0; slice < MAX_SLICES && calm < CALM_SLICES; slice++) {
      await world.run(world.nowMs + SLICE_MS);
      const now = look();
      calm = now === seen ? calm + 1 : 0;
      seen = now;
    }
  }

  async hurry(): Promise<void> {
    const { world } = this.cluster;
    await world.run(world.nowMs + this.random.below(HASTY_MS));
  }

  get running(): number[] {
    return this.ids.filter((id) => this.cluster.isRunning(id));
  }
  get stopped(): number[] {
    return this.ids.filter((id) => this.cluster.broker(id).host.life.isDead);
  }
  get pausedBrokers(): number[] {
    return this.ids.filter((id) => this.cluster.broker(id).host.isPaused);
  }
  get emptyPlaces(): number[] {
    return PLACES.filter((place) => !this.members.has(place));
  }

  /** The places of the members for which the predicate holds. */
  places(predicate: (member: WalkMember) => boolean = () => true): number[] {
    return PLACES.filter((place) => {
      const member = this.members.get(place);
      return member !== undefined && member.isPolling && predicate(member);
    });
  }

  member(place: number): WalkMember {
    return this.members.get(place)!;
  }

  join(place: number): void {
    const { setup, cluster } = this;
    const style = setup.styles[place - 1]!;
    const isAlone = place === PLACES.length && setup.hasLoner;
    const name = `m${place}.${this.started++}`;
    const books = isAlone ? this.lonerBooks : this.books;
    const assignor = watchedAssignor(setup.assignor, books.assignments, {
      generation: () => member.consumer.groupMetadata().generation,
      memberId: () => member.consumer.groupMetadata().memberId,
      violation: (text) => books.violation(text),
    });
    const config: RawConfig = {
      ...this.discovery,
      ...CONSUMER_TIMES,
      'client.id': name,
      'group.id': isAlone ? 'loner' : GROUP,
      'partition.assignment.strategy': [assignor],
      'enable.auto.commit': style === 'auto',
    };
    cluster.event('join', name);
    const member: WalkMember = new WalkMember({ name, config, style, isAlone }, cluster.environment(), books);
    member.isDisturbed = this.isDisturbed;
    this.members.set(place, member);
  }

  /** From now on commits may fail and members may be removed from the group. */
  disturb(): void {
    this.isDisturbed = true;
    for (const member of this.members.values()) member.isDisturbed = true;
  }

  /** Frees the place for another process. */
  vacate(place: number): void {
    this.past.push(this.member(place));
    this.members.delete(place);
  }

  killMember(place: number): void {
    this.cluster.event('kill -9', this.member(place).name);
    this.member(place).host.kill();
    this.vacate(place);
  }

  hostOf(place: number): string {
    if (place > PLACES.length) return this.producers[place - PLACES.length - 1]!.hostName;
    return this.member(place).host.name;
  }

  /** The places of the consumers, then those of the producers. */
  get clients(): number[] {
    return [...this.places(), ...this.producers.map((_, i) => PLACES.length + 1 + i)];
  }

  isCut(place: number, id: number): boolean {
    const { network } = this.cluster;
    const [client, broker] = [this.hostOf(place), `broker-${id}`];
    return network.isCut(client, broker) || network.isCut(broker, client);
  }

  healClient(place: number): void {
    for (const id of this.ids) this.cluster.healLink(this.hostOf(place), `broker-${id}`);
  }

  /** Checks that no group's committed offsets have gone back. */
  judgeCommitted(): void {
    this.books.judgeCommitted();
    if (this.setup.hasLoner) this.lonerBooks.judgeCommitted();
  }

  get offsetsPartition(): TopicPartition | undefined {
    return offsetsPartitionOf(this.cluster, GROUP);
  }

  get coordinator(): number {
    const tp = this.offsetsPartition;
    return tp ? this.leaderOf(tp) : NO_LEADER;
  }

  leaderOf(tp: TopicPartition): number {
    return this.cluster.stateOf(tp)?.leader ?? NO_LEADER;
  }

  /** Whether another replica than the preferred one leads. */
  isMoved(tp: TopicPartition | undefined): boolean {
    if (!tp || !this.cluster.stateOf(tp)) return false;
    const leader = this.leaderOf(tp);
    return leader !== NO_LEADER && leader !== this.cluster.assignmentOf(tp)[0];
  }

  electPreferred(tp: TopicPartition): void {
    const { path } = preferredElectionZnode;
    const { zookeeper } = this.cluster;
    if (zookeeper.tree.exists(path) !== null) return;
    this.cluster.event('preferred election', tpName(tp));
    const data = preferredElectionZnode.encode([tp]);
    const written = zookeeper.tree.write({ type: 'create', path, data, mode: 'persistent' }, 'a tool');
    zookeeper.changed(written.changes);
  }

  /**
   * What a tool writes: the offsets topic with one replica for each partition, before the first
   * FindCoordinator.
   */
  createOffsets(): void {
    const { zookeeper } = this.cluster;
    const partitions = new Map(IDS.map((id, partition) => [partition, [id]]));
    this.cluster.event('create', GROUP_METADATA_TOPIC);
    const data = topicZnode.encode({ partitions, adding: new Map(), removing: new Map() });
    const path = topicZnode.path(GROUP_METADATA_TOPIC);
    const written = zookeeper.tree.write({ type: 'create', path, data, mode: 'persistent' }, 'a tool');
    zookeeper.changed(written.changes);
  }

  /** What a tool writes: one more partition. */
  addPartition(): void {
    const path = topicZnode.path(GROUP_TOPIC);
    const { zookeeper } = this.cluster;
    const { data, stat } = zookeeper.tree.get(path);
    const topic = topicZnode.decode(GROUP_TOPIC, data);
    const partition = topic.partitions.size;
    const partitions = new Map([...topic.partitions, [partition, [3, 1, 2]]]);
    this.cluster.event('add partition', partition);
    this.partitions.push({ topic: GROUP_TOPIC, partition });
    const encoded = topicZnode.encode({ ...topic, partitions });
    const { version } = stat;
    const written = zookeeper.tree.write({ type: 'set', path, data: encoded, version }, 'a tool');
    zookeeper.changed(written.changes);
  }
}
