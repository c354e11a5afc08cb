/**
 * A producer of a group walk: sends what steps ask for, and records the outcome of each send.
 */
import { TopicPartition } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { History } from '../../checkers/history';
import { MomentChecker } from '../../checkers/moment-checks';
import { Producer } from '../../producer/producer';
import { SimCluster } from '../sim-cluster';

export interface ProducerOptions {
  readonly name: string;
  readonly config: RawConfig;
  /** Its acknowledgements are promises, because it uses acks=all. */
  readonly isPromised: boolean;
}

export class WalkProducer {
  private readonly producer: Producer;
  readonly hostName: string;
  /** The number of sends without an outcome. */
  open = 0;
  acked = 0;

  constructor(
    readonly options: ProducerOptions,
    private readonly cluster: SimCluster,
    private readonly history: History,
    private readonly moments: MomentChecker,
  ) {
    const environment = cluster.environment();
    this.hostName = environment.simHost.name;
    this.producer = new Producer(environment, options.config);
  }

  send(tp: TopicPartition, count: number, bytes = 0): void {
    for (let i = 0; i < count; i++) this.sendOne(tp, bytes);
  }

  private sendOne(tp: TopicPartition, bytes: number): void {
    const { history, options, cluster } = this;
    const sequence = history.sent.size;
    const id = `r${sequence}`;
    const record = history.send(id, options.name, sequence, tp);
    this.open++;
    this.producer
      .send({ ...tp, key: 'k'.repeat(bytes) + id, value: id })
      .then(
        ({ offset }) => {
          record.outcome = options.isPromised ? 'acked' : 'unknown';
          record.offset = offset;
          if (!options.isPromised) return;
          this.acked++;
          if (offset >= 0) this.moments.acked(tp, offset);
          cluster.event('acknowledged', `${id} at ${tp.partition}:${offset}`);
        },
        (error) => {
          record.outcome = 'unknown';
          cluster.event('not acknowledged', `${id}: ${String(error)}`);
        },
      )
      .finally(() => {
        this.open--;
      });
  }
}
