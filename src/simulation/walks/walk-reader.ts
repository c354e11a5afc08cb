/**
 * A consumer in walks with unclean elections: records that it has read may be removed and replaced by others.
 *
 *   SkipsNothing  at the end the reader was given, for every offset, the record that is in the log (KIP-320).
 *      With an invalid position it starts at the log end (auto.offset.reset=latest), so that a reader which
 *      must go back and does not is detected
 *
 * A leader without records of the requested epoch answers with the end of an older epoch. So a reader may not
 * notice that records of older epochs replaced a lost record, as in Kafka; they were written by a leader that
 * was already replaced. This case is not checked.
 */
import { TopicPartition, tpName } from '../../common/cluster-types';
import { RawConfig } from '../../common/config-def';
import { KafkaError } from '../../common/errors';
import { Consumer } from '../../consumer/consumer';
import { SimCluster } from '../sim-cluster';
import { SimHost } from '../sim-host';

const POLL_MS = 100;
const TIMES: RawConfig = {
  'request.timeout.ms': 1000,
  'default.api.timeout.ms': 2000,
  'retry.backoff.ms': 60,
  'fetch.max.wait.ms': 300,
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 200,
  'metadata.max.age.ms': 2000,
  'zookeeper.connect': 'zookeeper:2181',
  'zookeeper.session.timeout.ms': 3000,
  'auto.offset.reset': 'latest',
  'enable.auto.commit': false,
};

/** A record in the log. */
export interface Standing {
  readonly value: string;
  readonly epoch: number;
}

export class WalkReader {
  private readonly reads: ReadonlyMap<string, (Standing & { readonly offset: number })[]>;
  private host: SimHost | undefined;
  private isReleased = false;
  private endedWith: string | undefined;

  constructor(
    private readonly cluster: SimCluster,
    private readonly tps: readonly TopicPartition[],
  ) {
    this.reads = new Map(tps.map((tp) => [tpName(tp), []]));
  }

  /** SIGSTOP: leaders may change and write while the reader is paused. */
  pause(): void {
    this.host?.pause();
  }
  resume(): void {
    this.host?.resume();
  }
  /** Records were deleted: a reader that is behind has no valid position. */
  release(): void {
    this.isReleased = true;
  }
  get isPaused(): boolean {
    return this.host?.isPaused ?? false;
  }

  start(): void {
    this.run().catch((error) => {
      this.endedWith = String((error as Error).stack);
    });
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

  /** A violation, given the records in the log; undefined when the reader has read them to the end. */
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
      return (
        `SkipsNothing: at ${offset} of ${tpName(tp)} the reader was given ${found ?? 'nothing'}, ` +
        `where ${value} stands`
      );
    }
    return undefined;
  }
}
