/**
 * Samsa and Kafka 2.8.2 side by side on this machine: alternating runs, medians of the ratios.
 *
 *   ./bench/run [--rounds N] [--records N] [--only produce1,produce3,consume,start,failover,shutdown]
 */
import { runRounds } from './experiments';
import { option, printTable } from './measured';
import { Kafka, Samsa } from './systems';

async function main(): Promise<void> {
  await runRounds(Number(option('rounds', '3')), [
    (directory) => new Kafka(directory),
    (directory) => new Samsa(directory),
  ]);
  printTable('Kafka 2.8.2');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
