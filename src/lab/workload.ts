/**
 * Writes numbered records and reads them back, for the stories: which were sent, which were acknowledged,
 * what is in the log at the end, and the longest time between two acknowledgements.
 */
import { TopicPartition } from '../common/cluster-types';
import { KafkaError } from '../common/errors';
import { Consumer } from '../consumer/consumer';
import { ConsumerRecord } from '../consumer/consumer-record';
import { Producer } from '../producer/producer';
import { LabCluster } from './lab-cluster';

export const NUMBER_HEADER = 'line';

/** The outcome of the records 0, 1, 2 … */
export class SendLog {
  sent = 0;
  readonly acked = new Map<number, number>();
  readonly errors = new Map<string, number>();
  /** The times of acknowledgements in ms, without duplicates. */
  readonly ackTimes: number[] = [];
  longestGapMs = 0;

  onResult(number: number, error: KafkaError | null, offset: number): void {
    const now = Date.now();
    if (error) {
      this.errors.set(error.errorName, (this.errors.get(error.errorName) ?? 0) + 1);
      return;
    }
    this.acked.set(number, offset);
    const last = this.ackTimes[this.ackTimes.length - 1];
    if (last !== undefined) this.longestGapMs = Math.max(this.longestGapMs, now - last);
    if (now !== last) this.ackTimes.push(now);
  }

  /** When acknowledgements resumed after the longest pause that began at or after `sinceMs`. */
  recoveredAfter(sinceMs: number): number | undefined {
    let longest = 0;
    let recovered: number | undefined;
    for (let i = 0; i < this.ackTimes.length; i++) {
      const gap = this.ackTimes[i]! - Math.max(sinceMs, this.ackTimes[i - 1] ?? sinceMs);
      if (gap > longest) {
        longest = gap;
        recovered = this.ackTimes[i];
      }
    }
    return recovered;
  }

  get errorCount(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Sends one numbered record. Resolves when the producer accepts the next one. */
export async function sendNumbered(
  producer: Producer,
  log: SendLog,
  tp: TopicPartition,
  number: number,
  value: Buffer,
): Promise<void> {
  log.sent++;
  await producer.produce(
    { ...tp, value, headers: [{ key: NUMBER_HEADER, value: Buffer.from(String(number)) }] },
    (error, metadata) => log.onResult(number, error, metadata?.offset ?? -1),
  );
}

export function numberOf(record: ConsumerRecord): number {
  return Number(record.headers.find((header) => header.key === NUMBER_HEADER)?.value?.toString() ?? -1);
}

/** Reads the partition from its start to its current end. Calls `onRecord` for each record. */
export async function readAll(
  cluster: LabCluster,
  tp: TopicPartition,
  onRecord: (record: ConsumerRecord) => void,
): Promise<number> {
  const consumer = await Consumer.open(cluster.environment, {
    ...cluster.clientConfig,
    'auto.offset.reset': 'earliest',
    'max.poll.records': 5000,
  });
  try {
    const end = await consumer.endOffset(tp);
    consumer.assign([tp]);
    consumer.seekToBeginning([tp]);
    let next = await consumer.position(tp);
    while (next < end) {
      for (const record of await consumer.poll(1000)) {
        onRecord(record);
        next = record.offset + 1;
      }
    }
    return end;
  } finally {
    await consumer.close();
  }
}

export interface Accounting {
  readonly sent: number;
  readonly acked: number;
  readonly read: number;
  /** Acknowledged, but not in the log. */
  readonly lost: number;
  /** In the log more than once. */
  readonly duplicated: number;
  /** First copies that are not in the order of the sends. */
  readonly reordered: number;
}

/** Compares the sent records with the numbers in the log, given in log order. */
export function account(log: SendLog, numbers: readonly number[]): Accounting {
  const seen = new Set<number>();
  let reordered = 0;
  let last = -1;
  for (const number of numbers) {
    if (seen.has(number)) continue;
    seen.add(number);
    if (number < last) reordered++;
    last = Math.max(last, number);
  }
  const lost = [...log.acked.keys()].filter((number) => !seen.has(number)).length;
  return {
    sent: log.sent,
    acked: log.acked.size,
    read: numbers.length,
    lost,
    duplicated: numbers.length - seen.size,
    reordered,
  };
}

/** Sends numbered records at a constant rate until it is stopped. */
export class SteadyProducer {
  readonly log = new SendLog();
  private running = true;
  private readonly done: Promise<void>;
  private number = 0;

  constructor(
    private readonly producer: Producer,
    private readonly tp: TopicPartition,
    private readonly everyMs: number,
  ) {
    this.done = this.run();
  }

  private async run(): Promise<void> {
    while (this.running) {
      await sendNumbered(this.producer, this.log, this.tp, this.number, Buffer.from(`record ${this.number}`));
      this.number++;
      await new Promise((resolve) => setTimeout(resolve, this.everyMs));
    }
  }

  async stop(): Promise<SendLog> {
    this.running = false;
    await this.done;
    await this.producer.close();
    return this.log;
  }
}

export function openProducer(
  cluster: LabCluster,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Producer> {
  return Producer.open(cluster.environment, {
    ...cluster.clientConfig,
    'acks': 'all',
    'max.in.flight.requests.per.connection': 1,
    ...config,
  });
}
