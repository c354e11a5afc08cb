/** A fetcher whose brokers and metadata are the test: each question waits until the test answers it. */
import { LeaderAndEpoch } from '../../src/client/cluster-metadata';
import { HostPort, TopicPartition } from '../../src/common/cluster-types';
import { RawConfig } from '../../src/common/config-def';
import { errorCode, ErrorName, KafkaError } from '../../src/common/errors';
import { Host, Log } from '../../src/common/host';
import { deserializerOf } from '../../src/common/serialization';
import { ResetStrategy } from '../../src/consumer/assigned-partition';
import { parseConsumerConfig } from '../../src/consumer/consumer-config';
import { Fetcher } from '../../src/consumer/fetcher';
import { SubscriptionState } from '../../src/consumer/subscription-state';
import { ConnectionPool } from '../../src/network/connection-pool';
import { Api } from '../../src/protocol/schema';
import { BatchBuilder } from '../../src/record/batch-builder';
import { RecordBatch } from '../../src/record/record-batch';

const log: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugOn: false,
  child: () => log,
};

/** A request that waits for its answer. */
export interface Question {
  readonly api: string;
  /** The host asked: node-1 … */
  readonly node: string;
  /** The row of the partition. */
  readonly row: Record<string, number>;
  /** The partitions asked about, in order. */
  readonly order: readonly string[];
  /** Answers with the fields given, the others as where nothing went wrong. */
  answer(fields: Record<string, unknown>): Promise<void>;
  refuse(error: ErrorName): Promise<void>;
  breakConnection(): Promise<void>;
}

/** Records `from` to `to` - 1 in one batch, each with its offset as value. */
export function batch(from: number, to: number, leaderEpoch: number): Buffer {
  const builder = new BatchBuilder(Buffer.alloc(2000));
  for (let offset = from; offset < to; offset++) builder.append(1000, null, Buffer.from(String(offset)));
  const bytes = builder.build();
  const made = new RecordBatch(bytes);
  made.setBaseOffset(from);
  made.setPartitionLeaderEpoch(leaderEpoch);
  return bytes;
}

export class LoneFetcher {
  readonly tp: TopicPartition = { topic: 't', partition: 0 };
  readonly state: SubscriptionState;
  readonly fetcher: Fetcher;
  readonly questions: Question[] = [];
  updatesRequested = 0;
  nowMs = 0;
  private leader: LeaderAndEpoch = { leader: 1, epoch: 5 };

  constructor(config: RawConfig = {}) {
    const parsed = parseConsumerConfig({ 'zookeeper.connect': 'z', ...config });
    const clock = {
      wallMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      schedule: () => ({ cancel: () => {} }),
    };
    const metadata = {
      leaderOf: () => ({ ...this.leader }),
      address: (id: number) => ({ host: `node-${id}`, port: 1 }),
      requestUpdate: () => {
        this.updatesRequested++;
      },
      updateLastSeenEpochIfNewer: () => {},
      onChange: () => () => {},
    };
    const pool = {
      request: (address: HostPort, api: Api, body: unknown) => this.ask(address, api, body),
    } as unknown as ConnectionPool;
    this.state = new SubscriptionState(parsed['auto.offset.reset'] as ResetStrategy);
    const strings = deserializerOf('value.deserializer', 'string');
    this.fetcher = new Fetcher(
      { clock } as unknown as Host,
      log,
      parsed,
      this.state,
      metadata as never,
      pool,
      { key: strings, value: strings },
    );
    this.state.assign([this.tp]);
  }

  private ask({ host: node }: HostPort, { name: api }: Api, body: unknown): Promise<unknown> {
    type Asked = { topics: { topic: string; partitions: Record<string, number>[] }[] };
    const { topics } = body as Asked;
    const row = topics[0]!.partitions[0]!;
    const order = topics.flatMap((one) => one.partitions.map(({ partition }) => `${one.topic}-${partition}`));
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        this.questions.splice(this.questions.indexOf(question), 1);
        how();
        return this.settle();
      };
      const answer = (fields: Record<string, unknown>) => settle(() => resolve(respond(api, fields)));
      const question: Question = {
        api,
        node,
        row,
        order,
        answer,
        refuse: (error) =>
          answer({ errorCode: errorCode(error), offset: -1, endOffset: -1, leaderEpoch: -1 }),
        breakConnection: () => settle(() => reject(new KafkaError('DISCONNECTED'))),
      };
      this.questions.push(question);
    });
  }

  /** Lets what was answered take effect. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  /** One poll after the backoff: the values it returns. */
  poll(max = 100): string[] {
    this.nowMs += 1000;
    try {
      return this.fetcher.take(max).map((record) => record.value as string);
    } finally {
      this.fetcher.sendFetches();
    }
  }

  lead(leader: number, epoch: number): void {
    this.leader = { leader, epoch };
  }

  get position(): number | undefined {
    return this.state.find(this.tp)!.position;
  }
  get asked(): string[] {
    return this.questions.map(({ api, node }) => `${api} ${node}`);
  }

  /** The only question, or the last of this kind. */
  question(api?: string): Question {
    const found = this.questions.filter((one) => api === undefined || one.api === api).at(-1);
    if (!found) throw new Error(`nobody was asked ${api ?? 'anything'}; open: ${this.asked.join(', ')}`);
    return found;
  }
}

/** The answer to a fetch of several partitions: what it brings of each. */
export function fetched(records: Readonly<Record<string, Buffer>>): Record<string, unknown> {
  const responses = Object.entries(records).map(([name, bytes]) => {
    const [topic, partition] = name.split('-');
    const row = { highWatermark: 100, lastStableOffset: 100, logStartOffset: 0, records: [bytes] };
    return { topic, partitions: [{ partitionIndex: Number(partition), errorCode: 0, ...row }] };
  });
  return { responses };
}

function respond(api: string, fields: Record<string, unknown>): unknown {
  const topic = { name: 't', topic: 't' };
  if (fields.responses) return { errorCode: 0, ...fields };
  if (api === 'Fetch') {
    const { errorCode: error = 0, records = Buffer.alloc(0) } = fields;
    const row = {
      partitionIndex: 0,
      errorCode: error,
      highWatermark: 100,
      lastStableOffset: 100,
      logStartOffset: 0,
      records: [records],
    };
    return { errorCode: 0, responses: [{ ...topic, partitions: [row] }] };
  }
  return {
    topics: [
      {
        ...topic,
        partitions: [
          {
            partition: 0,
            partitionIndex: 0,
            errorCode: 0,
            timestamp: -1,
            offset: 0,
            leaderEpoch: 5,
            endOffset: 0,
            ...fields,
          },
        ],
      },
    ],
  };
}
