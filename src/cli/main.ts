/**
 * The command line: one file a command, this is their list.
 */
import { Command } from 'commander';
import { clusterCommand } from './cluster';
import { consoleConsumerCommand } from './console-consumer';
import { consoleProducerCommand } from './console-producer';
import { demoCommand } from './demo';
import { dumpLogCommand } from './dump-log';
import { serverStartCommand } from './server-start';
import { simulateCommand } from './simulate';
import { topicsCommand } from './topics';
import { zkCommand } from './zk';

export function buildProgram(): Command {
  const program = new Command('samsa').description('Kafka\'s ZooKeeper era in TypeScript').version('0.1.0').showHelpAfterError('(--help shows the options)');
  for (const command of [serverStartCommand(), topicsCommand(), consoleProducerCommand(), consoleConsumerCommand(), dumpLogCommand(), zkCommand(), simulateCommand(), demoCommand(), clusterCommand()]) {
    program.addCommand(command.showHelpAfterError('(--help shows the options)'));
  }
  return program;
}
