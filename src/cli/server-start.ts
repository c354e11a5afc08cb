/**
 * `samsa server-start config/server.properties [--override k=v]`: runs one broker until SIGTERM or SIGINT.
 *
 * When the broker accepts requests, it prints one JSON line to standard output. With SAMSA_PARENT=stdin the
 * broker ends when its standard input closes, so that a test or demo that was killed leaves no broker behind.
 *
 * Kafka: kafka/Kafka.scala@2.8.2
 */
import * as fs from 'node:fs';
import { Command } from 'commander';
import { Broker } from '../broker/broker';
import { parseBrokerConfig } from '../broker/broker-config';
import { parseProperties } from '../common/config-def';
import { messageOf } from '../common/errors';
import { LogLevel } from '../common/host';
import { nodeHost } from '../host/node-host';
import { loadZstd } from '../record/zstd';
import { realZooKeeper } from '../zk/real-zookeeper';
import { endpointText } from '../zk/znodes';
import { keyValue } from './command';

interface Options {
  readonly override?: Record<string, string>;
}

async function serverStart(file: string, options: Options): Promise<void> {
  const raw = { ...parseProperties(fs.readFileSync(file, 'utf8')), ...options.override };
  const host = nodeHost({
    name: `broker-${raw['broker.id'] ?? '?'}`,
    logLevel: (process.env.SAMSA_LOG_LEVEL as LogLevel | undefined) ?? 'info',
    timelineFile: process.env.SAMSA_TIMELINE,
    localAddress: process.env.SAMSA_LOCAL_ADDRESS,
    tasksModule: require.resolve('../log/batch-check'),
  });
  const config = parseBrokerConfig(raw, (name) =>
    host.log.warn(`The configuration '${name}' was supplied but isn't a known config.`),
  );
  const broker = new Broker(config, host, realZooKeeper(host, config['zookeeper.connect']!));
  const stop = (signal: string) => {
    host.log.info(`${signal} received`);
    broker.shutdown().then(
      () => process.exit(0),
      (error) => host.exit(1, messageOf(error)),
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('uncaughtException', (error) => host.exit(1, error.stack ?? error.message));
  process.on('unhandledRejection', (error) =>
    host.exit(1, error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  if (process.env.SAMSA_PARENT === 'stdin')
    process.stdin
      .on('end', () => process.exit(3))
      .on('error', () => process.exit(3))
      .resume();
  await loadZstd();
  await broker.start();
  const ready = {
    ready: true,
    brokerId: broker.id,
    brokerEpoch: broker.epoch,
    pid: process.pid,
    endpoints: broker.endpoints.map(endpointText),
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

export function serverStartCommand(): Command {
  return new Command('server-start')
    .description('run one broker')
    .argument('<server.properties>', "settings file, with Kafka's names")
    .option('--override <key=value>', "a setting over the file's; may be repeated", keyValue)
    .action(async (file: string, options: Options) => {
      try {
        await serverStart(file, options);
      } catch (error) {
        process.stderr.write(`Error: ${messageOf(error)}\n`);
        process.exit(1);
      }
    });
}
