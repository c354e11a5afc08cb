/**
 * `samsa log-dirs`: the log dirs of the brokers and their logs, as JSON. Kafka:
 * admin/LogDirsCommand.scala@2.8.2
 */
import { Command } from 'commander';
import { Admin } from '../admin/admin';
import { LogDirDescription } from '../admin/logs';
import { tpName } from '../common/cluster-types';
import { configFile } from './client-options';
import {
  action,
  addConnectionOptions,
  clientHost,
  ConnectionOptions,
  connectionConfig,
  environmentOf,
} from './command';

interface Options extends ConnectionOptions {
  readonly describe?: boolean;
  readonly brokerList?: string;
  readonly topicList?: string;
  readonly commandConfig?: string;
}

function json(dirs: readonly LogDirDescription[]): string {
  const ids = [...new Set(dirs.map(({ broker }) => broker))];
  return JSON.stringify({
    version: 1,
    brokers: ids.map((broker) => ({
      broker,
      logDirs: dirs
        .filter((dir) => dir.broker === broker)
        .map(({ logDir, error, partitions }) => ({
          logDir,
          error: error === 'NONE' ? null : error,
          partitions: partitions.map((row) => ({
            partition: tpName(row),
            size: row.size,
            offsetLag: row.offsetLag,
            isFuture: false,
          })),
        })),
    })),
  });
}

async function run(options: Options): Promise<void> {
  if (!options.describe) throw new Error('This tool requires --describe');
  const brokers =
    options.brokerList?.split(',').map((id) => {
      if (!/^\d+$/.test(id.trim())) throw new Error(`'${id}' in --broker-list is not a broker id`);
      return Number(id);
    }) ?? [];
  const topics = options.topicList?.split(',').filter((name) => name !== '') ?? [];
  const admin = new Admin(environmentOf(clientHost('log-dirs')), {
    ...configFile(options.commandConfig),
    ...connectionConfig(options),
  });
  try {
    console.log('Querying brokers for log directories information');
    const dirs = await admin.describeLogDirs(brokers, topics);
    console.log(
      `Received log directory information from brokers ` +
        `${[...new Set(dirs.map(({ broker }) => broker))].join(',')}`,
    );
    console.log(json(dirs));
  } finally {
    await admin.close();
  }
}

export function logDirsCommand(): Command {
  return addConnectionOptions(
    new Command('log-dirs').description('the log dirs of the brokers, and the logs in them'),
  )
    .option('--describe', 'describe them')
    .option('--broker-list <ids>', 'brokers, separated by commas; not set: all')
    .option('--topic-list <topics>', 'topics, separated by commas; not set: all')
    .option('--command-config <file>', 'properties of the client')
    .action(action<Options>(run));
}
