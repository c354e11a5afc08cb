/**
 * `samsa delete-records`: raises log start offsets. Kafka: admin/DeleteRecordsCommand.scala@2.8.2
 */
import * as fs from 'node:fs';
import { Command } from 'commander';
import { Admin } from '../admin/admin';
import { RecordsToDelete } from '../admin/logs';
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
  readonly offsetJsonFile: string;
  readonly commandConfig?: string;
}

/**
 * Parses `{"version":1,"partitions":[{"topic":"t","partition":0,"offset":5}]}`. Throws an Error that explains
 * if the text is anything else.
 */
export function parseDeletions(text: string): RecordsToDelete[] {
  const { version = 1, partitions } = JSON.parse(text) as { version?: unknown; partitions?: unknown };
  if (version !== 1) throw new Error(`Not supported version field value ${String(version)}`);
  if (!Array.isArray(partitions)) throw new Error('Missing partitions field');
  const rows = (partitions as Record<string, unknown>[]).map(({ topic, partition, offset }) => {
    if (typeof topic !== 'string' || !Number.isInteger(partition) || !Number.isInteger(offset))
      throw new Error(`not a topic, partition and offset: ${JSON.stringify({ topic, partition, offset })}`);
    return { topic, partition: partition as number, beforeOffset: offset as number };
  });
  const names = rows.map(tpName);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0)
    throw new Error(`Offset json file contains duplicate topic partitions: ${[...new Set(twice)].join(',')}`);
  return rows;
}

async function run(options: Options): Promise<number> {
  const wanted = parseDeletions(fs.readFileSync(options.offsetJsonFile, 'utf8'));
  const admin = new Admin(environmentOf(clientHost('delete-records')), {
    ...configFile(options.commandConfig),
    ...connectionConfig(options),
  });
  try {
    console.log('Executing records delete operation');
    const done = await admin.deleteRecords(wanted);
    console.log('Records delete operation completed:');
    for (const row of done) {
      console.log(
        row.error === 'NONE'
          ? `partition: ${tpName(row)}\tlow_watermark: ${row.lowWatermark}`
          : `partition: ${tpName(row)}\terror: ${row.error}`,
      );
    }
    return done.every(({ error }) => error === 'NONE') ? 0 : 1;
  } finally {
    await admin.close();
  }
}

export function deleteRecordsCommand(): Command {
  return addConnectionOptions(
    new Command('delete-records').description('delete the oldest records of partitions'),
  )
    .requiredOption(
      '--offset-json-file <file>',
      'which: {"version":1,"partitions":[{"topic":"t","partition":0,"offset":5}]}; -1: up to the high ' +
        'watermark',
    )
    .option('--command-config <file>', 'properties of the client')
    .action(action<Options>(run));
}
