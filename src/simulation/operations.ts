/**
 * Operations of administrators during the faults: topics are created and expanded, records deleted, settings
 * changed, preferred leaders elected. An operation may fail; its partial result must come to rest, too.
 */
import { Admin } from '../admin/admin';
import { TopicPartition } from '../common/cluster-types';
import { sleep } from '../common/host';
import { alterTopicConfig } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { isZkError } from '../zk/zk-session';
import {
  configChangesZnode,
  configZnode,
  isrChangeZnode,
  preferredElectionZnode,
  topicZnode,
} from '../zk/znodes';
import { FaultWindow } from './faults';
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';
import { discovery } from './workload';

export const operationKinds = [
  'create-topic',
  'alter-config',
  'elect-preferred',
  'delete-records',
  'malformed-znode',
  'expand-topic',
] as const;

export interface Operation {
  readonly atMs: number;
  readonly kind: (typeof operationKinds)[number];
  /** Selects the parameters: which settings, how many partitions, up to which offset. */
  readonly choice: number;
}

export function drawOperations(
  random: Prng,
  { fromMs, untilMs }: FaultWindow,
  hasTrimmed: boolean,
): Operation[] {
  const kinds = operationKinds
    .filter((kind) => kind !== 'delete-records' || hasTrimmed)
    .filter(() => random.chance(0.6));
  if (kinds.length === 0) return [];
  const one = (): Operation => ({
    atMs: fromMs + random.below(untilMs - fromMs),
    kind: random.pick(kinds),
    choice: random.below(1000),
  });
  return Array.from({ length: random.between(1, 5) }, one).sort((a, b) => a.atMs - b.atMs);
}

const SETTINGS: readonly Readonly<Record<string, string>>[] = [
  { 'segment.bytes': '600' },
  { 'max.message.bytes': '2000' },
  { 'flush.messages': '1' },
  { 'segment.ms': '2000' },
  { 'index.interval.bytes': '1' },
];

const MALFORMED = [
  '{"version":1,',
  '',
  'null',
  '[]',
  '{"version":1,"config":7}',
  '{"version":1,"config":{"segment.bytes":"x"}}',
];

export interface Topics {
  readonly main: readonly TopicPartition[];
  readonly trimmed: readonly TopicPartition[];
  readonly minIsr: number;
  readonly replicationFactor: number;
  /** Settings of the main topic that a change keeps. */
  readonly kept: Readonly<Record<string, string>>;
}

export class Operations {
  /** Partitions that were requested. ZooKeeper decides whether each one exists. */
  readonly created: TopicPartition[] = [];
  private readonly environment;
  private readonly admin: Admin;

  constructor(
    private readonly cluster: SimCluster,
    private readonly topics: Topics,
  ) {
    this.environment = cluster.environment();
    this.admin = new Admin(this.environment, { 'request.timeout.ms': 5000, ...discovery(cluster, false) });
  }

  run(operation: Operation): void {
    this.cluster.world.event('simulation', { what: 'operation', kind: operation.kind });
    this.perform(operation).catch((error) => {
      this.cluster.world.event('simulation', {
        what: 'operation-failed',
        kind: operation.kind,
        error: String(error),
      });
    });
  }

  private async perform({ kind, choice }: Operation): Promise<void> {
    switch (kind) {
      case 'create-topic':
        return this.createTopic(choice);
      case 'alter-config':
        return this.alterConfig(choice);
      case 'elect-preferred':
        return this.electPreferred();
      case 'delete-records':
        return this.deleteRecords(choice);
      case 'malformed-znode':
        return this.malformedZnode(choice);
      case 'expand-topic':
        return this.expandTopic(choice);
    }
  }

  private async createTopic(choice: number): Promise<void> {
    const topic = `created-${this.created.length}`;
    const partitions = 1 + (choice % 3);
    for (let partition = 0; partition < partitions; partition++) this.created.push({ topic, partition });
    const { minIsr, replicationFactor } = this.topics;
    const configs = { 'min.insync.replicas': String(minIsr) };
    if (choice % 2 === 0) {
      return this.admin.createTopic({ name: topic, partitions, replicationFactor, configs });
    }
    const brokers = this.cluster.brokers.length;
    const replicas = (partition: number) =>
      Array.from({ length: replicationFactor }, (_, i) => ((partition + choice + i) % brokers) + 1);
    const assignment = new Map(
      Array.from({ length: partitions }, (_, partition) => [partition, replicas(partition)]),
    );
    return this.cluster.createTopic(topic, assignment, configs);
  }

  /** What a tool with `--alter --partitions` writes. */
  private async expandTopic(choice: number): Promise<void> {
    const created = this.created.filter(({ topic }) => this.cluster.existsTopic(topic));
    const { topic } = (choice % 2 === 0 ? undefined : created.at(-1)) ?? this.topics.main[0]!;
    await this.withZooKeeper(async (zk) => {
      const znode = (await zk.get(topicZnode.path(topic)))!;
      const assignment = topicZnode.decode(topic, znode.data);
      const partitions = new Map(assignment.partitions);
      const [first, ...others] = partitions.get(choice % partitions.size)!;
      const tp = { topic, partition: partitions.size };
      partitions.set(tp.partition, [...others, first!]);
      this.created.push(tp);
      await zk.set(
        topicZnode.path(topic),
        topicZnode.encode({ ...assignment, partitions }),
        znode.stat.version,
      );
    });
  }

  private async withZooKeeper(work: (zk: ZkConnection) => Promise<void>): Promise<void> {
    const { host, zookeeper } = this.environment;
    const options = { sessionTimeoutMs: 6000, connectTimeoutMs: 30000, maxInFlightRequests: 64 };
    const zk = await ZkConnection.open(host, zookeeper(''), options);
    await work(zk).finally(() => zk.close());
  }

  private alterConfig(choice: number): Promise<void> {
    const settings = { ...this.topics.kept, ...SETTINGS[choice % SETTINGS.length] };
    return this.withZooKeeper((zk) => alterTopicConfig(zk, this.topics.main[0]!.topic, settings));
  }

  private electPreferred(): Promise<void> {
    return this.withZooKeeper(async (zk) => {
      try {
        await zk.create(preferredElectionZnode.path, preferredElectionZnode.encode(this.topics.main));
      } catch (error) {
        if (!isZkError(error, 'NODE_EXISTS', 'CONNECTION_LOSS')) throw error;
      }
    });
  }

  /** What a defective tool leaves behind. Brokers and controllers must continue without this znode. */
  private async malformedZnode(choice: number): Promise<void> {
    const data = Buffer.from(MALFORMED[choice % MALFORMED.length]!);
    const topic = this.topics.main[0]!.topic;
    await this.withZooKeeper(async (zk) => {
      switch (choice % 4) {
        case 0:
          await zk.set(configZnode.path('topics', topic), data, -1);
          await zk.create(
            configChangesZnode.createPath,
            configChangesZnode.encode(`topics/${topic}`),
            'persistent-sequential',
          );
          await sleep(this.environment.host.clock, choice);
          return alterTopicConfig(zk, topic, this.topics.kept);
        case 1:
          return void (await zk.create(configChangesZnode.createPath, data, 'persistent-sequential'));
        case 2:
          return void (await zk.create(isrChangeZnode.createPath, data, 'persistent-sequential'));
        default:
          return void (await zk.create(preferredElectionZnode.path, data));
      }
    });
  }

  private async deleteRecords(choice: number): Promise<void> {
    const { trimmed } = this.topics;
    const tp = trimmed[choice % trimmed.length]!;
    const leader = this.cluster.stateOf(tp)?.leader ?? 0;
    const highWatermark = this.cluster.logOf(leader, tp)?.highWatermark ?? 0;
    const beforeOffset = choice % 5 === 0 ? -1 : Math.floor((highWatermark * (choice % 7)) / 7);
    await this.admin.deleteRecords([{ ...tp, beforeOffset }]);
  }
}
