/**
 * The producers of a run: one that uses acks=all, and by seed others with lower acks, with bootstrap.servers,
 * with large or compressed batches, or with one partition only.
 *
 * Only records acknowledged with acks=all are promised. To the checkers the outcome of other sends is
 * unknown.
 */
import { TopicPartition } from '../common/cluster-types';
import { RawConfig } from '../common/config-def';
import { KafkaError } from '../common/errors';
import { History } from '../checkers/history';
import { MomentChecker } from '../checkers/moment-checks';
import { Producer } from '../producer/producer';
import { Prng } from './prng';
import { SimCluster } from './sim-cluster';

export interface Writer {
  readonly acks: 'all' | '1' | '0';
  /** With idempotence five requests are in flight, without it one: both keep the order. */
  readonly idempotent: boolean;
  readonly sendEveryMs: number;
  readonly paddingBytes: number;
  readonly compression: string;
  readonly lingerMs: number;
  readonly bootstrap: boolean;
  /** The share of records that go to the first partition; the others have little traffic. */
  readonly skew: number;
  readonly trimmed: boolean;
}

export function drawWriters(random: Prng, hasTrimmed: boolean): Writer[] {
  const draw = (acks: Writer['acks'], sendEveryMs: number, trimmed: boolean): Writer => ({
    acks,
    sendEveryMs,
    trimmed,
    idempotent: acks === 'all' && random.chance(0.6),
    paddingBytes: random.pick([0, 0, 0, 50, 700]),
    compression: random.pick(['none', 'none', 'none', 'gzip', 'lz4']),
    lingerMs: random.pick([5, 5, 100]),
    bootstrap: random.chance(0.3),
    skew: random.pick([0, 0, 0.9]),
  });
  const writers = [draw('all', random.pick([80, 200, 400]), false)];
  if (random.chance(0.3)) {
    writers.push(draw(random.pick(['all', '1', '1', '0']), random.pick([250, 600]), false));
  }
  if (hasTrimmed) writers.push(draw('all', random.pick([150, 300]), true));
  return writers;
}

/** The settings by which a client finds the cluster. */
export function discovery(cluster: SimCluster, bootstrap: boolean): RawConfig {
  if (!bootstrap) return { 'zookeeper.connect': 'zookeeper:2181', 'zookeeper.session.timeout.ms': 6000 };
  return {
    'bootstrap.servers': cluster.brokers.map(({ id }) => `broker-${id}:9092`).join(','),
    'metadata.max.age.ms': 5000,
  };
}

function configOf(
  cluster: SimCluster,
  { acks, idempotent, compression, lingerMs, bootstrap }: Writer,
): RawConfig {
  return {
    'acks': acks,
    'max.in.flight.requests.per.connection': idempotent ? 5 : 1,
    'enable.idempotence': idempotent,
    'delivery.timeout.ms': 60000,
    'max.block.ms': 30000,
    'linger.ms': lingerMs,
    'compression.type': compression,
    'request.timeout.ms': 5000,
    ...discovery(cluster, bootstrap),
  };
}

/** Extracts the id of a record from its value. */
export function idOf(value: Buffer): string {
  const text = value.toString();
  const end = text.indexOf('|');
  return end < 0 ? text : text.slice(0, end);
}

export interface WorkloadContext {
  readonly cluster: SimCluster;
  readonly history: History;
  readonly checks: MomentChecker;
}

export class Workload {
  isSending = true;
  /** The number of sends without an outcome. */
  open = 0;
  private sequence = 0;

  constructor(private readonly context: WorkloadContext) {}

  async start(name: string, writer: Writer, tps: readonly TopicPartition[]): Promise<void> {
    const { cluster } = this.context;
    const opening = Producer.open(cluster.environment(), configOf(cluster, writer));
    const producer = await cluster.world.complete(opening, 30000, `opening ${name}`);
    const random = cluster.world.random.split(name);
    const next = () => {
      if (!this.isSending) return;
      this.send(name, producer, writer, random.chance(writer.skew) ? tps[0]! : random.pick(tps));
      cluster.world.schedule(writer.sendEveryMs * (0.5 + random.below(100) / 100), next);
    };
    next();
  }

  private send(name: string, producer: Producer, writer: Writer, tp: TopicPartition): void {
    const { history, checks } = this.context;
    const id = `r${this.sequence}`;
    const record = history.send(id, name, this.sequence++, tp);
    this.open++;
    const value = writer.paddingBytes === 0 ? id : `${id}|${'x'.repeat(writer.paddingBytes)}`;
    producer
      .send({ ...tp, key: id, value })
      .then(
        ({ offset }) => {
          if (writer.acks !== 'all') {
            record.outcome = 'unknown';
            return;
          }
          record.outcome = 'acked';
          record.offset = offset;
          if (offset >= 0) checks.acked(tp, offset);
        },
        (error) => {
          const isClosed = error instanceof KafkaError && error.errorName === 'ILLEGAL_STATE';
          record.outcome = isClosed ? 'failed' : 'unknown';
        },
      )
      .finally(() => {
        this.open--;
      });
  }
}
