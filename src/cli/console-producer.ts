/**
 * `samsa console-producer`: sends each line of standard input as a record. Kafka:
 * tools/ConsoleProducer.scala@2.8.2
 */
import * as readline from 'node:readline';
import { Command } from 'commander';
import { KafkaError } from '../common/errors';
import { Producer } from '../producer/producer';
import { ProducerRecord } from '../producer/producer-record';
import { configFile } from './client-options';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  environmentOf,
  keyValue,
  wholeNumber,
} from './command';

interface Options extends ConnectionOptions {
  readonly topic: string;
  readonly brokerList?: string;
  readonly property?: Record<string, string>;
  readonly requestRequiredAcks: string;
  readonly compressionCodec?: string | true;
  readonly batchSize?: number;
  readonly timeout?: number;
  readonly maxBlockMs?: number;
  readonly messageSendMaxRetries?: number;
  readonly retryBackoffMs?: number;
  readonly requestTimeoutMs?: number;
  readonly maxMemoryBytes?: number;
  readonly sync?: boolean;
  readonly producerProperty?: Record<string, string>;
  readonly 'producer.config'?: string;
}

function splitAt(line: string, separator: string): [string, string] | undefined {
  const at = line.indexOf(separator);
  return at < 0 ? undefined : [line.slice(0, at), line.slice(at + separator.length)];
}

/** Parses `key<separator>value`, with `headers<delimiter>` before it if `parse.headers` is set. */
export function parseLine(
  topic: string,
  line: string,
  properties: Readonly<Record<string, string>>,
): ProducerRecord {
  const unescape = (text: string) => text.replaceAll('\\t', '\t');
  let rest = line;
  let headers: { key: string; value: Buffer }[] = [];
  if (properties['parse.headers'] === 'true') {
    const parts = splitAt(rest, unescape(properties['headers.delimiter'] ?? '\t'));
    if (!parts) throw new Error(`No headers found on line: ${line}`);
    rest = parts[1];
    headers = parts[0]
      .split(properties['headers.separator'] ?? ',')
      .filter((one) => one !== '')
      .map((one) => {
        const pair = splitAt(one, properties['headers.key.separator'] ?? ':');
        if (!pair) throw new Error(`No header key separator found in pair '${one}' on line: ${line}`);
        return { key: pair[0], value: Buffer.from(pair[1]) };
      });
  }
  if (properties['parse.key'] !== 'true') return { topic, value: rest, headers };
  const pair = splitAt(rest, unescape(properties['key.separator'] ?? '\t'));
  if (pair) return { topic, key: pair[0], value: pair[1], headers };
  if (properties['ignore.error'] === 'true') return { topic, value: rest, headers };
  throw new Error(`No key found on line: ${line}`);
}

function settings(options: Options): Record<string, unknown> {
  const given: Record<string, unknown> = {
    'batch.size': options.batchSize,
    'linger.ms': options.timeout ?? 5,
    'max.block.ms': options.maxBlockMs,
    'retries': options.messageSendMaxRetries,
    'retry.backoff.ms': options.retryBackoffMs,
    'request.timeout.ms': options.requestTimeoutMs,
    'buffer.memory': options.maxMemoryBytes,
    // As in Kafka, the option without a value means gzip.
    'compression.type': options.compressionCodec === true ? 'gzip' : options.compressionCodec,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

async function produce(options: Options): Promise<number> {
  const host = clientHost('console-producer');
  const where =
    options.brokerList !== undefined
      ? { 'bootstrap.servers': options.brokerList }
      : connectionConfig(options);
  const producer = await Producer.open(environmentOf(host), {
    'client.id': 'console-producer',
    ...where,
    'acks': options.requestRequiredAcks,
    ...settings(options),
    ...configFile(options['producer.config']),
    ...options.producerProperty,
  });
  const failed: KafkaError[] = [];
  try {
    for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      const record = parseLine(options.topic, line, options.property ?? {});
      await producer.produce(record, (error) => {
        if (!error) return;
        failed.push(error);
        process.stderr.write(`Error: ${error.errorName}: ${error.message}\n`);
      });
      if (options.sync) await producer.flush();
      if (failed[0] && !failed[0].retriable) break;
    }
    await producer.flush();
  } finally {
    await producer.close();
  }
  return failed.length > 0 ? 1 : 0;
}

export function consoleProducerCommand(): Command {
  return addConnectionOptions(
    new Command('console-producer').description('write lines of standard input to a topic'),
  )
    .requiredOption('--topic <name>', 'the topic')
    .option('--broker-list <servers>', 'old spelling of --bootstrap-server')
    .option(
      '--property <key=value>',
      'parse.key, key.separator, parse.headers, headers.delimiter, ignore.error; may be repeated',
      keyValue,
    )
    .option('--request-required-acks <n>', '0, 1, -1 or all', '1')
    .option('--compression-codec [codec]', 'none, gzip, snappy, lz4 or zstd; without a value: gzip')
    .option('--batch-size <n>', 'batch.size', wholeNumber)
    .option('--timeout <ms>', 'linger.ms', wholeNumber)
    .option('--max-block-ms <ms>', 'max.block.ms', wholeNumber)
    .option('--message-send-max-retries <n>', 'retries', wholeNumber)
    .option('--retry-backoff-ms <ms>', 'retry.backoff.ms', wholeNumber)
    .option('--request-timeout-ms <ms>', 'request.timeout.ms', wholeNumber)
    .option('--max-memory-bytes <n>', 'buffer.memory', wholeNumber)
    .option('--sync', 'wait for each record')
    .option('--producer-property <key=value>', 'a producer setting; may be repeated', keyValue)
    .option('--producer.config <path>', 'a properties file of settings')
    .action(action<Options>(produce));
}
