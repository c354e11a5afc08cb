/**
 * Short histories for the sweep. Each one prepares a cluster and then does one thing, and a fault happens at
 * every single operation of it in turn. A story ends when its work is complete or has failed; the sweep
 * checks the result.
 */
import { Admin } from '../admin/admin';
import { TopicPartition } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { History } from '../checkers/history';
import { MomentChecker } from '../checkers/moment-checks';
import { Producer } from '../producer/producer';
import { alterTopicConfig } from '../zk/topic-store';
import { ZkConnection } from '../zk/zk-connection';
import { SimCluster } from './sim-cluster';
import { SimGroup } from './sim-group';
import { discovery } from './workload';

const TP: TopicPartition = { topic: 't', partition: 0 };
const PATIENCE_MS = 30000;

/** The tools of a story. Every wait has a limit. */
export class Stage {
  readonly history = new History();
  group: SimGroup | undefined;
  /** Settings of topic `t` that were changed without an error. At the end every replica must have them. */
  expectedConfig: Readonly<Record<string, string>> = {};
  private producer: Producer | undefined;
  private sequence = 0;

  constructor(
    readonly cluster: SimCluster,
    readonly checks: MomentChecker,
  ) {}

  until(done: () => boolean, withinMs = PATIENCE_MS): Promise<boolean> {
    return this.cluster.world.run(this.cluster.world.nowMs + withinMs, done);
  }

  get leader(): number {
    return this.cluster.stateOf(TP)?.leader ?? -1;
  }

  get controller(): number {
    const running = this.cluster.brokers.filter(({ id }) => this.cluster.isRunning(id));
    return running.find(({ broker }) => broker!.controller.isActive)?.id ?? 1;
  }

  /** Waits for the work. Its failure is reported to the client, and is no violation. */
  async settle(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    await this.until(() => isDone);
  }

  createTopic(topic: string, partitions: number, config: Record<string, string> = {}): Promise<void> {
    const ids = this.cluster.brokers.map(({ id }) => id);
    const rotated = (first: number) => ids.map((_, i) => ids[(first + i) % ids.length]!);
    const assignment = new Map(
      Array.from({ length: partitions }, (_, partition) => [partition, rotated(partition)]),
    );
    return this.settle(this.cluster.createTopic(topic, assignment, config));
  }

  async prepareTopic(partitions = 1): Promise<void> {
    await this.createTopic(TP.topic, partitions, { 'min.insync.replicas': '2' });
    await this.until(() => this.cluster.existsTopic(TP.topic) && this.cluster.isQuiet(TP));
    this.producer = await this.cluster.world.complete(
      this.openProducer(),
      PATIENCE_MS,
      'opening the producer',
    );
  }

  private openProducer(): Promise<Producer> {
    return Producer.open(this.cluster.environment(), {
      'acks': 'all',
      'enable.idempotence': true,
      'linger.ms': 0,
      'request.timeout.ms': 3000,
      'delivery.timeout.ms': 20000,
      'max.block.ms': 20000,
      ...discovery(this.cluster, false),
    });
  }

  /** Sends records and waits until each is acknowledged or failed. */
  async send(count: number): Promise<void> {
    await this.settle(Promise.allSettled(Array.from({ length: count }, () => this.sendOne())));
  }

  private async sendOne(): Promise<void> {
    const id = `s${this.sequence}`;
    const record = this.history.send(id, 'producer-0', this.sequence++, TP);
    record.outcome = 'unknown';
    const { offset } = await this.producer!.send({ ...TP, value: id });
    record.outcome = 'acked';
    record.offset = offset;
    this.checks.acked(TP, offset);
  }

  async withZooKeeper(work: (zk: ZkConnection) => Promise<void>): Promise<void> {
    const { host, zookeeper } = this.cluster.environment();
    const options = { sessionTimeoutMs: 6000, connectTimeoutMs: PATIENCE_MS, maxInFlightRequests: 64 };
    const opening = ZkConnection.open(host, zookeeper(''), options);
    await this.settle(opening.then((zk) => work(zk).finally(() => zk.close())));
  }

  async joinGroup(): Promise<void> {
    this.group = new SimGroup(this.cluster, { groupId: 'g', topics: [TP.topic], commitChance: 1 });
    for (const name of ['a', 'b']) this.group.start(name);
    const end = this.history.sent.size;
    await this.until(() => this.group!.processedCount(TP) >= end);
    await this.until(() => false, 1500);
  }
}

export interface Story {
  readonly settings?: RawConfig;
  readonly prepare: (stage: Stage) => Promise<void>;
  readonly act: (stage: Stage) => Promise<void>;
}

async function runningAgain(stage: Stage, id: number): Promise<void> {
  stage.cluster.start(id);
  await stage.until(() => stage.cluster.isRunning(id), 5000);
}

export const stories: Readonly<Record<string, Story>> = {
  'topic-creation': {
    prepare: async () => {},
    act: async (stage) => {
      await stage.createTopic(TP.topic, 3);
      await stage.until(() => stage.cluster.existsTopic(TP.topic) && stage.cluster.isQuiet(TP), 3000);
    },
  },
  'leader-failover': {
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      await stage.send(3);
      const { leader } = stage;
      stage.cluster.kill(leader);
      await stage.send(3);
      await runningAgain(stage, leader);
      await stage.send(3);
      await stage.until(() => stage.cluster.isQuiet(TP), 8000);
    },
  },
  'isr-shrink-and-expansion': {
    settings: { 'replica.lag.time.max.ms': 1000 },
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      const follower = (stage.leader % 3) + 1;
      stage.cluster.cutPeers(follower, stage.leader, false);
      await stage.send(2);
      await stage.until(() => (stage.cluster.stateOf(TP)?.isr.length ?? 0) < 3, 5000);
      stage.cluster.network.healAll();
      await stage.send(2);
      await stage.until(() => stage.cluster.isQuiet(TP), 8000);
    },
  },
  'offsets-topic-creation': {
    prepare: async (stage) => {
      await stage.prepareTopic();
      await stage.send(5);
    },
    act: (stage) => stage.joinGroup(),
  },
  'group-join-and-commit': {
    prepare: async (stage) => {
      await stage.prepareTopic();
      const first = new SimGroup(stage.cluster, { groupId: 'first', topics: [TP.topic] });
      const member = first.start('first');
      await stage.until(() => member.assignments > 0);
      first.kill(member);
      await stage.send(5);
    },
    act: (stage) => stage.joinGroup(),
  },
  'broker-bounce': {
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      const { leader } = stage;
      await stage.send(2);
      stage.cluster.terminate(leader);
      await stage.until(() => !stage.cluster.isRunning(leader), 8000);
      await stage.send(2);
      await runningAgain(stage, leader);
      await stage.until(() => stage.cluster.isQuiet(TP), 8000);
    },
  },
  'controller-failover': {
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      const before = stage.controller;
      stage.cluster.kill(before);
      stage.cluster.expireSession(before);
      await stage.createTopic('u', 2);
      await stage.send(2);
      await runningAgain(stage, before);
      await stage.until(() => stage.cluster.isQuiet(TP), 8000);
    },
  },
  'session-expiry': {
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      stage.cluster.expireSession(stage.leader);
      await stage.send(2);
      stage.cluster.expireSession(stage.controller);
      await stage.send(2);
      await stage.until(() => stage.cluster.isQuiet(TP), 8000);
    },
  },
  'config-change': {
    prepare: (stage) => stage.prepareTopic(),
    act: async (stage) => {
      const config = { 'min.insync.replicas': '2', 'max.message.bytes': '4321' };
      await stage.withZooKeeper(async (zk) => {
        await alterTopicConfig(zk, TP.topic, config);
        stage.expectedConfig = config;
      });
      await stage.send(2);
    },
  },
  'delete-records': {
    prepare: async (stage) => {
      await stage.prepareTopic();
      await stage.send(6);
    },
    act: async (stage) => {
      const admin = new Admin(stage.cluster.environment(), {
        'request.timeout.ms': 3000,
        ...discovery(stage.cluster, false),
      });
      await stage.settle(admin.deleteRecords([{ ...TP, beforeOffset: 4 }]));
      await stage.send(2);
      await stage.settle(admin.close());
    },
  },
};
