/** The controller's requests to a broker, one after the other; logs and ZooKeeper are played by the test. */
import { parseBrokerConfig } from '../../src/broker/broker-config';
import { MetadataCache } from '../../src/broker/metadata-cache';
import { ReplicaManager } from '../../src/broker/replica-manager';
import { TopicPartition, tpName } from '../../src/common/cluster-types';
import { ErrorName, errorName, KafkaError } from '../../src/common/errors';
import { Host } from '../../src/common/host';
import { Metrics } from '../../src/common/metrics';
import { LeaderEpochCache } from '../../src/log/leader-epoch-cache';
import { LogManager } from '../../src/log/log-manager';
import { ZkError } from '../../src/zk/zk-session';

const BROKER_EPOCH = 100;

interface FakeLog {
  readonly tp: TopicPartition;
  readonly logStartOffset: number;
  logEndOffset: number;
  highWatermark: number;
  readonly epochs: LeaderEpochCache;
  readonly config: Readonly<Record<string, unknown>>;
  updateHighWatermark(offset: number): boolean;
  truncateTo(): boolean;
}

function fakeLog(tp: TopicPartition, logEndOffset: number): FakeLog {
  return {
    tp,
    logStartOffset: 0,
    logEndOffset,
    highWatermark: 0,
    epochs: new LeaderEpochCache([]),
    config: { 'min.insync.replicas': 1 },
    truncateTo: () => false,
    updateHighWatermark(offset) {
      this.highWatermark = Math.min(offset, this.logEndOffset);
      return true;
    },
  };
}

class FakeLogs {
  readonly logs = new Map<string, FakeLog>();
  readonly overrides = new Map<string, unknown>();
  readonly deleted: string[] = [];
  checkpoint = new Map<string, number>();
  offlineDirs = [];

  get all(): FakeLog[] {
    return [...this.logs.values()];
  }

  put(tp: TopicPartition, logEndOffset: number): void {
    this.logs.set(tpName(tp), fakeLog(tp, logEndOffset));
  }

  async getOrCreate(tp: TopicPartition): Promise<FakeLog> {
    if (!this.logs.has(tpName(tp))) this.put(tp, 0);
    return this.logs.get(tpName(tp))!;
  }

  isOffline(): boolean {
    return false;
  }
  updateTopicConfig(topic: string, overrides: unknown): void {
    this.overrides.set(topic, overrides);
  }
  readHighWatermarks(): Map<string, number> {
    return new Map(this.checkpoint);
  }
  asyncDelete(tp: TopicPartition): void {
    this.deleted.push(tpName(tp));
    this.logs.delete(tpName(tp));
  }

  checkpointHighWatermarks(entries: readonly (TopicPartition & { offset: number })[]): void {
    this.checkpoint = new Map(entries.map((entry) => [tpName(entry), entry.offset]));
  }
}

/** Broker 1. */
class LoneBroker {
  readonly logs = new FakeLogs();
  readonly metadata = new MetadataCache();
  readonly dialled: string[] = [];
  readTopicConfig: (topic: string) => Promise<Record<string, string>> = async () => ({});
  brokerEpoch = BROKER_EPOCH;
  readonly replicas: ReplicaManager;

  constructor(isRegistered = true) {
    const log = {
      error: () => {},
      warn: () => {},
      info: () => {},
      debug: () => {},
      debugOn: false,
      child: () => log,
    };
    const host = {
      clock: { wallMs: () => 0, monotonicMs: () => 0, schedule: () => ({ cancel: () => {} }) },
      network: {
        dial: (name: string) => {
          this.dialled.push(name);
          return new Promise(() => {});
        },
      },
      log,
      event: () => {},
    } as unknown as Host;
    this.replicas = new ReplicaManager({
      host,
      config: parseBrokerConfig({ 'broker.id': 1, 'zookeeper.connect': 'zookeeper:2181' }),
      brokerId: 1,
      logs: this.logs as unknown as LogManager,
      metadata: this.metadata,
      metrics: new Metrics(),
      writeIsr: () => new Promise(() => {}),
      onIsrChanged: () => {},
      onReplicaMissing: () => {},
      brokerEpoch: () => this.brokerEpoch,
      isRegistered: async () => true,
      readTopicConfig: (topic) => this.readTopicConfig(topic),
    });
    if (isRegistered) this.replicas.registered();
  }

  /** LeaderAndIsr for one partition; brokers 1 and 2 are alive unless told otherwise. */
  async leaderAndIsr(
    topic: string,
    leader: number,
    leaderEpoch: number,
    options: { controllerEpoch?: number; brokerEpoch?: number; live?: number[] } = {},
  ): Promise<ErrorName> {
    const { controllerEpoch = 1, brokerEpoch = BROKER_EPOCH, live = [1, 2] } = options;
    const { errorCode, partitionErrors } = await this.replicas.becomeLeaderOrFollower({
      controllerId: 3,
      controllerEpoch,
      brokerEpoch,
      partitionStates: [
        {
          topic,
          partition: 0,
          controllerEpoch,
          leader,
          leaderEpoch,
          isr: [1, 2],
          zkVersion: leaderEpoch,
          replicas: [1, 2],
          isNew: false,
        },
      ],
      liveLeaders: live.map((brokerId) => ({ brokerId, host: `broker-${brokerId}`, port: 9092 })),
    });
    return errorName(errorCode !== 0 ? errorCode : partitionErrors[0]!.errorCode);
  }

  async stopReplica(topic: string, leaderEpoch: number, deletePartition: boolean): Promise<ErrorName> {
    const { errorCode, partitionErrors } = await this.replicas.stopReplicas({
      controllerId: 3,
      controllerEpoch: 1,
      brokerEpoch: this.brokerEpoch,
      partitionStates: [{ topic, partition: 0, leaderEpoch, deletePartition }],
    });
    return errorName(errorCode !== 0 ? errorCode : partitionErrors[0]!.errorCode);
  }

  /** `leader N`, `follower N` with the leader epoch, or undefined. */
  role(topic: string): string | undefined {
    const partition = this.replicas.get({ topic, partition: 0 });
    return partition && `${partition.isLeader ? 'leader' : 'follower'} ${partition.leaderEpoch}`;
  }
}

describe('a request is refused', () => {
  test('of a controller that is not the latest', async () => {
    const broker = new LoneBroker();
    expect(await broker.leaderAndIsr('t', 1, 5, { controllerEpoch: 2 })).toBe('NONE');
    expect(await broker.leaderAndIsr('t', 2, 6, { controllerEpoch: 1 })).toBe('STALE_CONTROLLER_EPOCH');
    expect(broker.role('t')).toBe('leader 5');
  });

  test('for a leader epoch that there cannot be, and the broker goes on', async () => {
    const broker = new LoneBroker();
    for (const epoch of [-1, -5, -(2 ** 31)]) {
      expect(await broker.leaderAndIsr('t', 1, epoch)).toBe('STALE_CONTROLLER_EPOCH');
      expect(await broker.leaderAndIsr('t', 2, epoch)).toBe('STALE_CONTROLLER_EPOCH');
    }
    expect(broker.role('t')).toBeUndefined();
    expect(await broker.leaderAndIsr('t', 1, 0)).toBe('NONE');
  });

  test('that was meant for a former incarnation of the broker (KIP-380)', async () => {
    const broker = new LoneBroker();
    expect(await broker.leaderAndIsr('t', 1, 5, { brokerEpoch: BROKER_EPOCH - 1 })).toBe(
      'STALE_BROKER_EPOCH',
    );
    expect(broker.role('t')).toBeUndefined();
  });

  test('that was meant for a former incarnation, also if it comes before this one is registered', async () => {
    const broker = new LoneBroker(false);
    broker.brokerEpoch = -1;
    const answers = [
      broker.leaderAndIsr('t', 1, 5, { brokerEpoch: 99 }),
      broker.leaderAndIsr('u', 1, 5, { brokerEpoch: 100 }),
    ];
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect([broker.role('t'), broker.role('u')]).toEqual([undefined, undefined]);
    broker.brokerEpoch = 100;
    broker.replicas.registered();
    expect(await Promise.all(answers)).toEqual(['STALE_BROKER_EPOCH', 'NONE']);
    expect([broker.role('t'), broker.role('u')]).toEqual([undefined, 'leader 5']);
  });

  test('whose leader epoch is not newer, for one partition', async () => {
    const broker = new LoneBroker();
    await broker.leaderAndIsr('t', 1, 5);
    expect(await broker.leaderAndIsr('t', 2, 5)).toBe('STALE_CONTROLLER_EPOCH');
    expect(await broker.leaderAndIsr('t', 2, 4)).toBe('STALE_CONTROLLER_EPOCH');
    expect(broker.role('t')).toBe('leader 5');
    expect(await broker.leaderAndIsr('t', 2, 6)).toBe('NONE');
    expect(broker.role('t')).toBe('follower 6');
  });
});

describe('StopReplica', () => {
  test('of a leader epoch that has passed deletes nothing', async () => {
    const broker = new LoneBroker();
    await broker.leaderAndIsr('t', 1, 5);
    expect(await broker.stopReplica('t', 4, true)).toBe('FENCED_LEADER_EPOCH');
    expect(await broker.stopReplica('t', 5, true)).toBe('FENCED_LEADER_EPOCH');
    expect(broker.logs.deleted).toEqual([]);
    expect(broker.role('t')).toBe('leader 5');
  });

  test('of a deleted topic, or of a newer epoch, deletes; so does one for a partition that is not known', async () => {
    const broker = new LoneBroker();
    await broker.leaderAndIsr('t', 1, 5);
    await broker.leaderAndIsr('u', 1, 5);
    const { replicas } = broker;
    const partition = replicas.get({ topic: 't', partition: 0 })!;
    const answers = [
      await broker.stopReplica('t', -2, true),
      await broker.stopReplica('u', 6, true),
      await broker.stopReplica('v', 3, true),
    ];
    expect(answers).toEqual(['NONE', 'NONE', 'NONE']);
    expect(broker.logs.deleted).toEqual(['t-0', 'u-0', 'v-0']);
    expect(partition.isLeader).toBe(false);
    expect(broker.role('t')).toBeUndefined();
  });
});

test('a follower whose leader was not alive when it was named follows it when the same epoch names it again', async () => {
  const broker = new LoneBroker();
  expect(await broker.leaderAndIsr('t', 2, 5, { live: [1] })).toBe('NONE');
  expect(broker.dialled).toEqual([]);
  expect(await broker.leaderAndIsr('t', 2, 5)).toBe('NONE');
  await broker.leaderAndIsr('t', 2, 5);
  expect(await broker.leaderAndIsr('t', 2, 5)).toBe('STALE_CONTROLLER_EPOCH');
  await broker.leaderAndIsr('t', 1, 6);
  expect(await broker.leaderAndIsr('t', 1, 6)).toBe('STALE_CONTROLLER_EPOCH');
});

describe('metadata', () => {
  const TP = { topic: 't', partition: 0 };

  /** Broker 1 was told that 1 leads in epoch 5. */
  async function told(): Promise<LoneBroker> {
    const broker = new LoneBroker();
    await broker.replicas.updateMetadata({
      controllerId: 3,
      controllerEpoch: 1,
      brokerEpoch: BROKER_EPOCH,
      liveBrokers: [],
      partitionStates: [
        {
          ...TP,
          controllerEpoch: 1,
          leader: 1,
          leaderEpoch: 5,
          isr: [1, 2],
          zkVersion: 5,
          replicas: [1, 2, 3],
          offlineReplicas: [3],
        },
      ],
    });
    return broker;
  }

  test('names the new leader as soon as the former one has been told that it does not lead', async () => {
    const broker = await told();
    expect(await broker.leaderAndIsr('t', 2, 6)).toBe('NONE');
    expect(broker.metadata.partition(TP)).toMatchObject({ leader: 2, leaderEpoch: 6, offlineReplicas: [3] });
  });

  test('does not go back to the leader of a LeaderAndIsr that is sent again', async () => {
    const broker = await told();
    for (const epoch of [4, 5]) await broker.leaderAndIsr('t', 2, epoch);
    expect(broker.metadata.partition(TP)).toMatchObject({ leader: 1, leaderEpoch: 5 });
  });

  test('tells of no partition that UpdateMetadata has not told of', async () => {
    const broker = await told();
    await broker.leaderAndIsr('u', 2, 6);
    expect(broker.metadata.topicNames).toEqual(['t']);
  });
});

describe("a topic's settings", () => {
  test('that cannot be used are left out: LeaderAndIsr is obeyed, and what comes after it too', async () => {
    const broker = new LoneBroker();
    broker.logs.overrides.set('t', { 'min.insync.replicas': '2' });
    broker.readTopicConfig = async (topic) => {
      if (topic === 't') throw new KafkaError('INVALID_CONFIG', 'not JSON');
      return {};
    };
    expect(await broker.leaderAndIsr('t', 1, 5)).toBe('NONE');
    expect(await broker.leaderAndIsr('u', 1, 5)).toBe('NONE');
    expect([broker.role('t'), broker.role('u')]).toEqual(['leader 5', 'leader 5']);
    expect(broker.logs.overrides.get('t')).toEqual({ 'min.insync.replicas': '2' });
  });

  test('that ZooKeeper does not tell make the controller ask again; partitions that are known do not wait for it', async () => {
    const broker = new LoneBroker();
    await broker.leaderAndIsr('t', 1, 5);
    broker.readTopicConfig = async () => {
      throw new ZkError('OPERATION_TIMEOUT', '/config/topics/u');
    };
    await expect(broker.leaderAndIsr('u', 1, 5)).rejects.toThrow('OPERATION_TIMEOUT');
    expect(broker.role('u')).toBeUndefined();
    expect(await broker.leaderAndIsr('t', 2, 6)).toBe('NONE');
  });
});

describe('high watermarks', () => {
  test('of logs that the controller has not named yet stay in the checkpoint (KAFKA-1647)', async () => {
    const broker = new LoneBroker();
    for (const topic of ['t', 'u']) broker.logs.put({ topic, partition: 0 }, 50);
    broker.logs.checkpoint = new Map([
      ['t-0', 40],
      ['u-0', 30],
    ]);
    await broker.leaderAndIsr('t', 2, 5);
    broker.replicas.checkpointHighWatermarks();
    expect(Object.fromEntries(broker.logs.checkpoint)).toEqual({ 't-0': 40, 'u-0': 30 });
    await broker.leaderAndIsr('u', 2, 5);
    expect(broker.replicas.get({ topic: 'u', partition: 0 })!.log.highWatermark).toBe(30);
  });

  test('of a partition that was deleted do not come back with a new one of its name', async () => {
    const broker = new LoneBroker();
    broker.logs.put({ topic: 't', partition: 0 }, 50);
    broker.logs.checkpoint = new Map([['t-0', 40]]);
    await broker.leaderAndIsr('t', 2, 5);
    await broker.stopReplica('t', -2, true);
    broker.logs.put({ topic: 't', partition: 0 }, 45);
    await broker.leaderAndIsr('t', 2, 0);
    expect(broker.replicas.get({ topic: 't', partition: 0 })!.log.highWatermark).toBe(0);
  });
});
