/**
 * A consumer that reads along where leaders may be elected uncleanly: what it has read may vanish, and others
 * may come in its place.
 *
 *   SkipsNothing    in the end it was given, at every offset, the record that stands there (KIP-320); it
 *                   begins at the latest when it is lost, so that whoever must go back and does not is found
 *
 * A leader is asked where the epoch of the last record ended, and answers for an older one if it has no record
 * of that epoch. So what it has from older epochs in the place of a lost record goes unnoticed, as in Kafka; it
 * was written by a leader that was already deposed. That is not judged.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { KafkaError } from '../../common/errors';
import { Consumer } from '../../consumer/consumer';
import { SimCluster } from '../sim-cluster';
import { SimHost } from '../sim-host';

const POLL_MS = 100;
const TIMES: RawConfig = {
  'request.timeout.ms': 1000, 'default.api.timeout.ms': 2000, 'retry.backoff.ms': 60,
  'fetch.max.wait.ms': 300, 'reconnect.backoff.ms': 50, 'reconnect.backoff.max.ms': 200, 'metadata.max.age.ms': 2000,
  'zookeeper.connect': 'zookeeper:2181', 'zookeeper.session.timeout.ms': 3000, 'auto.offset.reset': 'latest',
  'enable.auto.commit': false,
};

/** A record as it stands in the log. */
export interface Standing {
  readonly value: string;
  readonly epoch: number;
}

export class WalkReader {
  private readonly reads: ReadonlyMap<string, (Standing & { readonly offset: number })[]>;
  private host: SimHost | undefined;
  private isReleased = false;
  private endedWith: string | undefined;

  constructor(private readonly cluster: SimCluster, private readonly tps: readonly TopicPartition[]) {
    this.reads = new Map(tps.map((tp) => [tpName(tp), []]));
  }

  /** SIGSTOP: leaders may change and write while it does not look. */
  pause(): void { this.host?.pause(); }
  resume(): void { this.host?.resume(); }
  /** Records are deleted: where it is behind, it has nothing to go on from. */
  release(): void { this.isReleased = true; }
  get isPaused(): boolean { return this.host?.isPaused ?? false; }

  start(): void {
    this.run().catch((error) => { this.endedWith = String((error as Error).stack); });
  }

  private async run(): Promise<void> {
    const environment = this.cluster.environment();
    this.host = environment.simHost;
    const consumer = new Consumer(environment, TIMES);
    consumer.assign(this.tps);
    for (const tp of this.tps) consumer.seek(tp, 0);
    for (;;) {
      try {
        for (const record of await consumer.poll(POLL_MS)) {
          const { offset, value, leaderEpoch: epoch } = record;
          this.reads.get(tpName(record))!.push({ offset, value: String(value), epoch });
        }
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error;
      }
    }
  }

  /** What is not as promised, given what stands in the log; undefined once it has read that to its end. */
  problem(tp: TopicPartition, standing: ReadonlyMap<number, Standing>): string | undefined {
    if (this.endedWith !== undefined) return `the reader ended with ${this.endedWith}`;
    if (this.isReleased) return undefined;
    const reads = this.reads.get(tpName(tp))!;
    const latest = new Map(reads.map(({ offset, value }) => [offset, value]));
    const lost = reads.filter(({ offset, value }) => standing.get(offset)?.value !== value);
    const lastLost = Math.max(-1, ...lost.map(({ epoch }) => epoch));
    for (const [offset, { value, epoch }] of standing) {
      const found = latest.get(offset);
      if (found === value || (found !== undefined && epoch <= lastLost)) continue;
      return `SkipsNothing: at ${offset} of ${tpName(tp)} the reader was given ${found ?? 'nothing'}, ` +
        `where ${value} stands`;
    }
    return undefined;
  }
}
