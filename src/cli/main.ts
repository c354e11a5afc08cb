/**
 * The command line. Each command is in a file of its own; this is the list of commands.
 */
import { Command } from 'commander';
import { attackCommand } from './attack';
import { clusterCommand } from './cluster';
import { consoleConsumerCommand } from './console-consumer';
import { consoleProducerCommand } from './console-producer';
import { consumerGroupsCommand } from './consumer-groups';
import { consumerPerfTestCommand } from './consumer-perf-test';
import { deleteRecordsCommand } from './delete-records';
import { demoCommand } from './demo';
import { dumpLogCommand } from './dump-log';
import { endToEndLatencyCommand } from './end-to-end-latency';
import { fuzzCommand } from './fuzz';
import { getOffsetsCommand } from './get-offsets';
import { logDirsCommand } from './log-dirs';
import { mutantsCommand } from './mutants';
import { producerPerfTestCommand } from './producer-perf-test';
import { serverStartCommand } from './server-start';
import { simulateCommand } from './simulate';
import { sweepCommand } from './sweep';
import { topicsCommand } from './topics';
import { verifiableConsumerCommand } from './verifiable-consumer';
import { verifiableProducerCommand } from './verifiable-producer';
import { walksCommand } from './walks';
import { zkCommand } from './zk';

export function buildProgram(): Command {
  const program = new Command('samsa')
    .description("Kafka's ZooKeeper era in TypeScript")
    .version('0.1.0')
    .showHelpAfterError('(--help shows the options)');
  const commands = [
    serverStartCommand(),
    topicsCommand(),
    consoleProducerCommand(),
    consoleConsumerCommand(),
    consumerGroupsCommand(),
    getOffsetsCommand(),
    deleteRecordsCommand(),
    logDirsCommand(),
    producerPerfTestCommand(),
    consumerPerfTestCommand(),
    endToEndLatencyCommand(),
    verifiableProducerCommand(),
    verifiableConsumerCommand(),
    dumpLogCommand(),
    zkCommand(),
    simulateCommand(),
    sweepCommand(),
    walksCommand(),
    mutantsCommand(),
    attackCommand(),
    fuzzCommand(),
    demoCommand(),
    clusterCommand(),
  ];
  for (const command of commands) {
    program.addCommand(command.showHelpAfterError('(--help shows the options)'));
  }
  return program;
}
