/**
 * A consumer without a group in the simulated cluster. It assigns the partitions of a topic to itself, and
 * commits with such short deadlines that it gives up commits which may arrive later.
 *
 *   CommitsGoOn     what it fetches is at least what was acknowledged, because its commits only increase
 *   InOrder         it reads without a gap
 */
import { tpName } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { soleCoordinatorOf } from './coordinators';
import { SimCluster } from './sim-cluster';

const COMMIT_TIMEOUT_MS = 700;
const READ_BACK_EVERY = 4;

export interface SimSoloOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly discovery: RawConfig;
}

export class SimSoloConsumer {
  private readonly acknowledged = new Map<string, number>();

  constructor(
    private readonly cluster: SimCluster,
    private readonly options: SimSoloOptions,
  ) {}

  start(): void {
    this.run().catch((error) => this.violation(`Liveness: ${String((error as Error).stack)}`));
  }

  private violation(text: string): void {
    this.cluster.world.violation(`${text} (${this.options.groupId})`);
  }

  private async run(): Promise<void> {
    const { groupId, topic, discovery } = this.options;
    const consumer = new Consumer(this.cluster.environment(), {
      ...discovery,
      'request.timeout.ms': 2000,
      'auto.offset.reset': 'earliest',
      'group.id': groupId,
      'client.id': groupId,
      'enable.auto.commit': false,
      'max.poll.records': 20,
      'default.api.timeout.ms': 3000,
    });
    const partitions = await this.untilAnswered(() => consumer.partitionsFor(topic));
    consumer.assign(partitions.map(({ partition }) => ({ topic, partition })));
    for (let round = 1; ; round++) {
      const reached = new Map<string, number>();
      for (const record of await this.untilAnswered(() => consumer.poll(500)))
        reached.set(tpName(record), record.offset + 1);
      if (reached.size > 0) await this.commit(consumer, reached);
      if (round % READ_BACK_EVERY === 0) await this.readBack(consumer);
    }
  }

  /** During faults calls may fail: they are repeated. */
  private async untilAnswered<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error;
      }
    }
  }

  private async commit(consumer: Consumer, reached: ReadonlyMap<string, number>): Promise<void> {
    try {
      await consumer.commitSync(undefined, { timeoutMs: COMMIT_TIMEOUT_MS });
    } catch (error) {
      if (error instanceof KafkaError && error.errorName === 'TIMEOUT') return;
      throw error;
    }
    for (const [name, offset] of reached) this.acknowledged.set(name, offset);
  }

  private coordinator(): number | undefined {
    return soleCoordinatorOf(this.cluster, this.options.groupId);
  }

  private async readBack(consumer: Consumer): Promise<void> {
    const before = new Map(this.acknowledged);
    const coordinator = this.coordinator();
    let committed;
    try {
      committed = await consumer.committed(consumer.assignment());
    } catch (error) {
      if (error instanceof KafkaError && error.retriable) return;
      throw error;
    }
    // A former coordinator that was not notified returns older offsets, as in Kafka.
    if (coordinator === undefined || this.coordinator() !== coordinator) return;
    for (const [name, offset] of before) {
      const found = committed.get(name)?.offset ?? 0;
      if (found < offset)
        this.violation(
          `CommitsGoOn: ${name} stands at ${found}, but a commit of ${offset} had been acknowledged`,
        );
    }
  }
}
