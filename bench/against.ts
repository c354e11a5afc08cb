/**
 * This tree beside another checkout of Samsa that was set up with its ./scripts/setup: alternating runs,
 * medians of the ratios. For "nothing got slower": the other one is the state before a change.
 *
 *   ./bench/run against DIR [--rounds N] [--records N] [--only
 *   produce1,produce3,consume,start,failover,shutdown]
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { runRounds } from './experiments';
import { option, printTable } from './measured';
import { Samsa } from './systems';

async function main(): Promise<void> {
  const other = path.resolve(process.argv[2] ?? '');
  if (!fs.existsSync(path.join(other, 'dist/bench/perf-client.js')))
    throw new Error(`${other} is no checkout that was set up`);
  await runRounds(Number(option('rounds', '3')), [
    (directory) => new Samsa(directory, { root: other, name: 'other' }),
    (directory) => new Samsa(directory),
  ]);
  printTable(`Samsa in ${path.basename(other)}`, false);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
