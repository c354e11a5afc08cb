/**
 * A cluster of real processes in a directory of its own: a ZooKeeper server and brokers, with functions to
 * observe and to disturb it.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ClientEnvironment } from '../client/client-config';
import { LeaderIsrAndControllerEpoch, TopicPartition } from '../common/cluster-types';
import { Host } from '../common/host';
import { nodeHost, silentLog } from '../host/node-host';
import { validateTopicConfig } from '../log/log-config';
import { readControllerId } from '../zk/controller-election';
import { readBrokers } from '../zk/broker-registration';
import { readPartitionState } from '../zk/partition-state-store';
import { createTopic } from '../zk/topic-creation';
import { alterTopicConfig } from '../zk/topic-store';
import { realZooKeeper } from '../zk/real-zookeeper';
import { ZkConnection } from '../zk/zk-connection';
import { BrokerHandle } from './broker-handle';
import { BrokerProcess } from './broker-process';
import { Compose, COMPOSE_ZOOKEEPER, ComposeBroker } from './compose-cluster';
import { until } from './wait';
import { ZooKeeperProcess } from './zookeeper-process';

export interface Profile {
  readonly name: string;
  readonly about: string;
  readonly settings: Readonly<Record<string, string | number>>;
}

/** The sets of timeouts with which a cluster can run. The output names the one that is used. */
export const profiles: Readonly<Record<string, Profile>> = {
  classroom: {
    name: 'classroom',
    about: 'short sessions (4 s) and lag times (3 s), so that one need not wait',
    settings: {
      'zookeeper.session.timeout.ms': 4000,
      'zookeeper.connection.timeout.ms': 60000,
      'replica.lag.time.max.ms': 3000,
      'replica.fetch.backoff.ms': 200,
      'isr.change.check.interval.ms': 500,
      'isr.change.quiet.ms': 500,
      'controlled.shutdown.retry.backoff.ms': 1000,
      'group.initial.rebalance.delay.ms': 0,
    },
  },
  authentic: {
    name: 'authentic',
    about: "Kafka 2.8's own times: sessions of 18 s, lag of 30 s",
    settings: {},
  },
  test: {
    name: 'test',
    about: 'sessions that never expire by accident; expiry is caused',
    settings: {
      'zookeeper.session.timeout.ms': 60000,
      'zookeeper.connection.timeout.ms': 100000,
      'replica.fetch.backoff.ms': 100,
      'isr.change.check.interval.ms': 200,
      'isr.change.quiet.ms': 200,
      'auto.leader.rebalance.enable': 'false',
      'group.initial.rebalance.delay.ms': 0,
      'offsets.topic.num.partitions': 4,
    },
  },
};

export interface LabClusterOptions {
  readonly directory: string;
  readonly brokers: number;
  readonly profile: Profile;
  readonly settings?: Readonly<Record<string, string | number>>;
  /** The connect string, with chroot, of an existing ZooKeeper to use; the default is to start one. */
  readonly zookeeper?: string;
}

export class LabCluster<B extends BrokerHandle = BrokerHandle> {
  readonly host: Host;
  private zk: ZkConnection | undefined;

  private constructor(
    readonly connect: string,
    readonly brokers: readonly B[],
    readonly clientConfig: Readonly<Record<string, string>>,
    private readonly end: () => Promise<void>,
  ) {
    this.host = nodeHost({ name: 'lab', log: silentLog });
  }

  static async start(options: LabClusterOptions): Promise<LabCluster<BrokerProcess>> {
    fs.mkdirSync(options.directory, { recursive: true });
    const zookeeper =
      options.zookeeper !== undefined
        ? undefined
        : await ZooKeeperProcess.start({
            directory: path.join(options.directory, 'zookeeper'),
            tickTimeMs: 500,
            minSessionTimeoutMs: 1000,
            maxSessionTimeoutMs: 120000,
          });
    const connect = options.zookeeper ?? zookeeper!.connect;
    const brokers = Array.from(
      { length: options.brokers },
      (_, i) =>
        new BrokerProcess({
          id: i + 1,
          directory: path.join(options.directory, `broker-${i + 1}`),
          zookeeper: connect,
          settings: { ...options.profile.settings, ...options.settings },
        }),
    );
    const cluster = new LabCluster(connect, brokers, { 'zookeeper.connect': connect }, async () => {
      for (const broker of brokers) broker.resume();
      await Promise.all(brokers.map((broker) => broker.kill9()));
      await zookeeper?.kill();
    });
    return cluster.begin(() => Promise.all(brokers.map((broker) => broker.start())));
  }

  /** Starts the containers of docker-compose.yml with empty volumes. */
  static async compose(timelines: string): Promise<LabCluster> {
    const compose = new Compose(timelines);
    const untilRegistered = (id: number) =>
      until(`broker ${id}`, async () => (await cluster.liveBrokerIds()).includes(id)).then(() => {});
    const brokers = [1, 2, 3].map((id) => new ComposeBroker(id, compose, untilRegistered));
    const config = { 'zookeeper.connect': COMPOSE_ZOOKEEPER, 'listener.name': 'EXTERNAL' };
    const cluster: LabCluster<ComposeBroker> = new LabCluster(COMPOSE_ZOOKEEPER, brokers, config, async () =>
      compose.down(),
    );
    return cluster.begin(async () => {
      compose.up();
      for (const { id } of brokers) await untilRegistered(id);
    });
  }

  private async begin(start: () => Promise<unknown>): Promise<this> {
    try {
      await start();
      await until('a controller', async () => (await this.controllerId()) >= 0);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this;
  }

  broker(id: number): B {
    const found = this.brokers.find((broker) => broker.id === id);
    if (!found) throw new Error(`there is no broker ${id}`);
    return found;
  }

  get environment(): ClientEnvironment {
    return { host: this.host, zookeeper: (connect) => realZooKeeper(this.host, connect) };
  }

  async zkConnection(): Promise<ZkConnection> {
    return (this.zk ??= await ZkConnection.open(this.host, realZooKeeper(this.host, this.connect), {
      sessionTimeoutMs: 60000,
      connectTimeoutMs: 60000,
      maxInFlightRequests: 64,
    }));
  }

  async controllerId(): Promise<number> {
    return readControllerId(await this.zkConnection());
  }

  async controllerEpoch(): Promise<number> {
    const znode = await (await this.zkConnection()).get('/controller_epoch');
    return znode ? Number(znode.data.toString()) : 0;
  }

  async liveBrokerIds(): Promise<number[]> {
    return (await readBrokers(await this.zkConnection())).map((broker) => broker.id);
  }

  async state(tp: TopicPartition): Promise<LeaderIsrAndControllerEpoch | undefined> {
    return readPartitionState(await this.zkConnection(), tp);
  }

  async leaderOf(tp: TopicPartition): Promise<number> {
    return (await this.state(tp))?.leader ?? -1;
  }

  /** Creates the topic. Resolves when every partition has a leader and all its replicas are in the ISR. */
  async createTopic(
    name: string,
    assignment: ReadonlyMap<number, readonly number[]>,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const zk = await this.zkConnection();
    await createTopic(
      zk,
      this.host.random,
      { name, partitions: -1, replicationFactor: -1, assignment, configs },
      { validateConfig: validateTopicConfig, validateOnly: false },
    );
    for (const [partition, replicas] of assignment) await this.untilIsr({ topic: name, partition }, replicas);
  }

  /** Replaces the topic's settings and notifies the brokers. */
  async alterTopicConfig(name: string, configs: Readonly<Record<string, string>>): Promise<void> {
    await alterTopicConfig(await this.zkConnection(), name, configs);
  }

  async untilLeader(
    tp: TopicPartition,
    accept: (leader: number) => boolean = (leader) => leader >= 0,
  ): Promise<number> {
    const { leader } = await until(`a leader of ${tp.topic}-${tp.partition}`, async () => {
      const leader = await this.leaderOf(tp);
      return accept(leader) ? { leader } : undefined;
    });
    return leader;
  }

  untilIsr(tp: TopicPartition, ids: readonly number[]): Promise<LeaderIsrAndControllerEpoch> {
    const wanted = [...ids].sort().join();
    return until(`ISR ${wanted} of ${tp.topic}-${tp.partition}`, async () => {
      const state = await this.state(tp);
      return state && [...state.isr].sort().join() === wanted ? state : undefined;
    });
  }

  /** The events of all brokers' timelines, ordered by time. */
  timeline(): Record<string, unknown>[] {
    const events = this.brokers.flatMap((broker) =>
      fs.existsSync(broker.timelineFile) ? readNdjson(broker.timelineFile) : [],
    );
    return events.sort((a, b) => Number(a.time) - Number(b.time));
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    await this.zk?.close().catch(() => {});
    this.zk = undefined;
    await this.end();
  }
}

/** The parsed lines of an NDJSON file; an incomplete last line is skipped. */
export function readNdjson(file: string): Record<string, unknown>[] {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
}
