/**
 * `samsa console-producer`: each line of standard input is a record. Kafka: tools/ConsoleProducer.scala@2.8.2
 */
import * as readline from 'node:readline';
import { Command } from 'commander';
import { KafkaError } from '../common/errors';
import { Producer } from '../producer/producer';
import { action, addConnectionOptions, clientHost, ConnectionOptions, connectionConfig, environmentOf, keyValue } from './command';

interface Options extends ConnectionOptions {
  readonly topic: string;
  readonly property?: Record<string, string>;
  readonly requestRequiredAcks: string;
  readonly producerProperty?: Record<string, string>;
}

function split(line: string, separator: string | undefined): { key: string | null; value: string } {
  if (separator === undefined) return { key: null, value: line };
  const at = line.indexOf(separator);
  if (at < 0) throw new Error(`No key found on line: ${line}`);
  return { key: line.slice(0, at), value: line.slice(at + separator.length) };
}

async function produce(options: Options): Promise<number> {
  const properties = options.property ?? {};
  const separator = properties['parse.key'] === 'true' ? properties['key.separator'] ?? '\t' : undefined;
  const host = clientHost('console-producer');
  const producer = await Producer.open(environmentOf(host), {
    'client.id': 'console-producer', ...connectionConfig(options), 'acks': options.requestRequiredAcks, 'linger.ms': 5, ...options.producerProperty,
  });
  const failed: KafkaError[] = [];
  try {
    for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
      const { key, value } = split(line, separator);
      await producer.produce({ topic: options.topic, key, value }, (error) => {
        if (!error) return;
        failed.push(error);
        process.stderr.write(`Error: ${error.errorName}: ${error.message}\n`);
      });
      if (failed[0] && !failed[0].retriable) break;
    }
    await producer.flush();
  } finally {
    await producer.close();
  }
  return failed.length > 0 ? 1 : 0;
}

export function consoleProducerCommand(): Command {
  return addConnectionOptions(new Command('console-producer').description('write lines of standard input to a topic'))
    .requiredOption('--topic <name>', 'the topic')
    .option('--property <key=value>', 'parse.key=true, key.separator=…; may be repeated', keyValue)
    .option('--request-required-acks <n>', '0, 1, -1 or all', '1')
    .option('--producer-property <key=value>', 'a producer setting; may be repeated', keyValue)
    .action(action<Options>(produce));
}
