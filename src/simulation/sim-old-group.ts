/**
 * A group of 0.8 consumers in the simulated cluster, and its rules: at the end every record has been
 * returned, and each owner of a partition reads it in order. ZooKeeper ensures that a partition has one
 * owner: the owner's znode exists once.
 *
 * Records may be returned twice, because a member that was cut off notices late that its session has expired.
 * This is the weakness of the old consumer, not a violation.
 */
import { TopicPartition, tpName } from '../common/cluster-types';
import { ZooKeeperConsumer } from '../consumer/zookeeper-consumer';
import { isZkError } from '../zk/zk-session';
import { SimCluster } from './sim-cluster';
import { SimHost } from './sim-host';

const RESTART_MS = 2000;

interface OldMember {
  readonly name: string;
  readonly host: SimHost;
  readonly consumer: ZooKeeperConsumer;
  endedWith: string | undefined;
}

export class SimOldGroup {
  readonly members: OldMember[] = [];
  private readonly read = new Map<string, Set<number>>();

  constructor(
    private readonly cluster: SimCluster,
    private readonly groupId: string,
    private readonly topic: string,
  ) {}

  start(name: string): void {
    const environment = this.cluster.environment();
    const consumer = new ZooKeeperConsumer(environment, {
      'zookeeper.connect': 'zookeeper:2181',
      'group.id': this.groupId,
      'auto.offset.reset': 'smallest',
      'rebalance.backoff.ms': 500,
      'rebalance.max.retries': 100,
      'auto.commit.interval.ms': 1000,
      'zookeeper.session.timeout.ms': 6000,
    });
    const member: OldMember = { name, host: environment.simHost, consumer, endedWith: undefined };
    this.members.push(member);
    this.run(member).catch((error) => {
      member.endedWith = String((error as Error).stack);
      // Without ZooKeeper the consumer cannot start, as in 0.8: a supervisor would restart it.
      if (!isZkError(error, 'CONNECTION_LOSS')) return;
      member.host.kill();
      this.cluster.world.schedule(RESTART_MS, () => this.start(`${name}'`));
    });
  }

  private async run(member: OldMember): Promise<void> {
    const [stream] = (await member.consumer.createMessageStreams({ [this.topic]: 1 })).get(this.topic)!;
    const last = new Map<string, number>();
    for await (const { topic, partition, offset } of stream!) {
      const name = tpName({ topic, partition });
      const before = last.get(name);
      if (before !== undefined && offset > before + 1 && !this.has(name, before + 1, offset)) {
        this.cluster.world.violation(
          `InOrder: ${member.name} was handed ${name} offset ${offset} after ${before}, and nobody what ` +
            `lies between`,
        );
      }
      last.set(name, offset);
      const offsets = this.read.get(name) ?? new Set<number>();
      this.read.set(name, offsets.add(offset));
    }
  }

  private has(name: string, from: number, to: number): boolean {
    for (let offset = from; offset < to; offset++) if (!this.read.get(name)?.has(offset)) return false;
    return true;
  }

  get alive(): OldMember[] {
    return this.members.filter((member) => !member.host.life.isDead && member.endedWith === undefined);
  }

  /** Offsets below `end` that no member returned. */
  unread(tp: TopicPartition, end: number): number[] {
    const offsets = this.read.get(tpName(tp));
    if (offsets && offsets.size >= end) return [];
    return Array.from({ length: end }, (_, offset) => offset).filter((offset) => !offsets?.has(offset));
  }
}
