/**
 * `samsa dump-log --files F,…`. Kafka: tools/DumpLogSegments.scala@2.8.2
 */
import { Command } from 'commander';
import { dumpFile } from '../admin/dump-log';
import { action, clientHost } from './command';

interface Options {
  readonly files: string;
  readonly printDataLog?: boolean;
  readonly deepIteration?: boolean;
}

export function dumpLogCommand(): Command {
  return new Command('dump-log')
    .description('print segment and index files')
    .requiredOption('--files <list>', 'files, separated by commas')
    .option('--print-data-log', 'print keys and values too')
    .option('--deep-iteration', 'print every record')
    .action(
      action<Options>(async (options) => {
        const { disk } = clientHost('dump-log');
        const dump = {
          printDataLog: options.printDataLog ?? false,
          deepIteration: options.deepIteration ?? false,
        };
        const sound = options.files
          .split(',')
          .map((file) => dumpFile(disk, file.trim(), dump, (line) => console.log(line)));
        return sound.every(Boolean) ? 0 : 1;
      }),
    );
}
