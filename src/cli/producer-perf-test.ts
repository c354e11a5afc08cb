/**
 * `samsa producer-perf-test`: measures how fast records are written, with the output of Kafka's tool.
 *
 * Kafka: tools/ProducerPerformance.java@2.8.2
 */
import * as fs from 'node:fs';
import { Command } from 'commander';
import { KafkaError } from '../common/errors';
import { Host, sleep } from '../common/host';
import { Producer } from '../producer/producer';
import { configFile, percentile, propertyList } from './client-options';
import { action, clientHost, environmentOf, wholeNumber } from './command';

interface Options {
  readonly topic: string;
  readonly numRecords: number;
  readonly recordSize?: number;
  readonly payloadFile?: string;
  readonly payloadDelimiter: string;
  readonly throughput: number;
  readonly producerProps?: Record<string, string>;
  readonly 'producer.config'?: string;
  readonly printMetrics?: boolean;
}

const REPORT_MS = 5000;
/**
 * After this many records the event loop gets a turn, so that responses are read while records are produced.
 */
const RECORDS_PER_TURN = 512;
const MAX_SAMPLES = 500_000;

class Stats {
  private readonly samples: number[] = [];
  private count = 0;
  private sumMs = 0;
  private maxMs = 0;
  private windowCount = 0;
  private windowSumMs = 0;
  private windowMaxMs = 0;
  private windowBytes = 0;
  private bytes = 0;
  private windowStartMs: number;
  private readonly every: number;

  constructor(
    private readonly host: Host,
    private readonly startMs: number,
    total: number,
  ) {
    this.windowStartMs = startMs;
    this.every = Math.max(1, Math.floor(total / MAX_SAMPLES));
  }

  record(latencyMs: number, bytes: number): void {
    if (this.count++ % this.every === 0) this.samples.push(latencyMs);
    this.sumMs += latencyMs;
    this.bytes += bytes;
    this.maxMs = Math.max(this.maxMs, latencyMs);
    this.windowCount++;
    this.windowSumMs += latencyMs;
    this.windowBytes += bytes;
    this.windowMaxMs = Math.max(this.windowMaxMs, latencyMs);
    const nowMs = this.host.clock.monotonicMs();
    if (nowMs - this.windowStartMs >= REPORT_MS) this.printWindow(nowMs);
  }

  private printWindow(nowMs: number): void {
    const seconds = (nowMs - this.windowStartMs) / 1000;
    console.log(
      `${this.windowCount} records sent, ${(this.windowCount / seconds).toFixed(1)} records/sec ` +
        `(${(this.windowBytes / seconds / 1048576).toFixed(2)} MB/sec), ` +
        `${(this.windowSumMs / this.windowCount).toFixed(1)} ms avg latency, ` +
        `${this.windowMaxMs.toFixed(1)} ms max latency.`,
    );
    this.windowStartMs = nowMs;
    this.windowCount = 0;
    this.windowSumMs = 0;
    this.windowMaxMs = 0;
    this.windowBytes = 0;
  }

  printTotal(): void {
    const seconds = (this.host.clock.monotonicMs() - this.startMs) / 1000;
    const sorted = Float64Array.from(this.samples).sort();
    const at = (share: number) => Math.round(percentile(sorted, share));
    console.log(
      `${this.count} records sent, ${(this.count / seconds).toFixed(6)} records/sec ` +
        `(${(this.bytes / seconds / 1048576).toFixed(2)} MB/sec), ` +
        `${(this.sumMs / Math.max(1, this.count)).toFixed(2)} ms avg latency, ${this.maxMs.toFixed(2)} ms ` +
        `max latency, ` +
        `${at(0.5)} ms 50th, ${at(0.95)} ms 95th, ${at(0.99)} ms 99th, ${at(0.999)} ms 99.9th.`,
    );
  }
}

function payloads(options: Options): Buffer[] {
  if (options.payloadFile !== undefined) {
    const list = fs
      .readFileSync(options.payloadFile, 'utf8')
      .split(options.payloadDelimiter.replace('\\n', '\n'))
      .filter((text) => text !== '');
    if (list.length === 0) throw new Error('File does not exist or empty file provided.');
    return list.map((text) => Buffer.from(text));
  }
  if (options.recordSize === undefined)
    throw new Error('one of --record-size and --payload-file is required');
  // Always the same letters, as in Kafka's tool.
  return [Buffer.from(Array.from({ length: options.recordSize }, (_, i) => 65 + ((i * 7) % 26)))];
}

async function run(options: Options): Promise<number> {
  if (!options.producerProps && !options['producer.config'])
    throw new Error('Either --producer-props or --producer.config must be specified.');
  const host = clientHost('producer-perf-test');
  const values = payloads(options);
  const producer = new Producer(environmentOf(host), {
    'client.id': 'producer-performance',
    ...configFile(options['producer.config']),
    ...options.producerProps,
  });
  const startMs = host.clock.monotonicMs();
  const stats = new Stats(host, startMs, options.numRecords);
  let failed: KafkaError | undefined;
  for (let i = 0; i < options.numRecords && !failed; i++) {
    const value = values[i % values.length]!;
    const sentMs = host.clock.monotonicMs();
    const wait = producer.produce({ topic: options.topic, value }, (error) => {
      if (error) failed ??= error;
      else stats.record(host.clock.monotonicMs() - sentMs, value.length);
    });
    if (wait) await wait;
    else if (i % RECORDS_PER_TURN === RECORDS_PER_TURN - 1)
      await new Promise<void>((resolve) => setImmediate(resolve));
    if (options.throughput > 0) {
      const earlyMs = startMs + ((i + 1) * 1000) / options.throughput - host.clock.monotonicMs();
      if (earlyMs > 1) await sleep(host.clock, earlyMs);
    }
  }
  await producer.flush();
  stats.printTotal();
  if (options.printMetrics)
    for (const [name, value] of Object.entries(producer.metrics()))
      console.log(`producer-metrics:${name} : ${value}`);
  await producer.close();
  if (failed) throw failed;
  return 0;
}

export function producerPerfTestCommand(): Command {
  return new Command('producer-perf-test')
    .description('measure how fast records are written')
    .requiredOption('--topic <name>', 'the topic')
    .requiredOption('--num-records <n>', 'records to write', wholeNumber)
    .requiredOption('--throughput <n>', 'records a second; -1: as fast as it goes', wholeNumber)
    .option('--record-size <bytes>', 'bytes of a value', wholeNumber)
    .option('--payload-file <path>', 'values from a file instead')
    .option('--payload-delimiter <text>', 'what separates them', '\\n')
    .option(
      '--producer-props <key=value...>',
      'producer settings: bootstrap.servers or zookeeper.connect, acks …',
      propertyList,
    )
    .option('--producer.config <path>', 'a properties file of settings')
    .option('--print-metrics', "print the producer's metrics at the end")
    .action(action<Options>(run));
}
