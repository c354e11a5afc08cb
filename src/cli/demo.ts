/**
 * `scripts/demo [NAME]`: runs a story on real processes; its verdict determines the exit code.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Command } from 'commander';
import { profiles } from '../lab/lab-cluster';
import { stories } from '../lab/stories/all-stories';
import { runStory, Verdict } from '../lab/story';
import { action } from './command';

interface Options {
  readonly input: string;
  readonly json?: boolean;
  readonly list?: boolean;
  readonly profile: string;
  readonly compose?: boolean;
}

const ROOT = path.join(__dirname, '../../..');
const DEFAULT_INPUT = path.join(ROOT, 'node_modules/typescript/lib/typescript.js');

function showVerdict(verdict: Verdict, results: string, print: (line: string) => void): void {
  print('');
  for (const key of ['sent', 'acked', 'read', 'lost', 'duplicated', 'reordered'] as const) {
    if (typeof verdict[key] === 'number')
      print(`  ${key.padEnd(11)}${(verdict[key] as number).toLocaleString('en')}`);
  }
  const hashes = verdict.sha256 as { input: string; rebuilt: string } | undefined;
  if (hashes)
    print(
      `  SHA-256    ` +
        `${
          hashes.input === hashes.rebuilt
            ? `equal: ${hashes.input}`
            : `DIFFERENT: ${hashes.input} went in, ` + `${hashes.rebuilt} came out`
        }`,
    );
  for (const problem of verdict.problems) print(`  PROBLEM: ${problem}`);
  print(
    `  Verdict: ${verdict.good ? 'GOOD' : 'BAD'} (${path.relative(process.cwd(), results)}/verdict.json ` +
      `and timeline.ndjson)`,
  );
}

async function demo(options: Options, name: string | undefined): Promise<number> {
  const print = options.json
    ? (line: string) => process.stderr.write(`${line}\n`)
    : (line: string) => console.log(line);
  if (options.list) {
    for (const story of stories)
      console.log(`${story.name.padEnd(22)}${story.title.slice(story.title.indexOf(': ') + 2)}`);
    return 0;
  }
  const story = name === undefined ? stories[0]! : stories.find((one) => one.name === name);
  if (!story) throw new Error(`there is no story '${name}'; --list names them`);
  const profile = profiles[options.profile];
  if (!profile)
    throw new Error(
      `there is no profile '${options.profile}'; there are ${Object.keys(profiles).join(', ')}`,
    );
  if (!fs.existsSync(options.input)) throw new Error(`the input file ${options.input} does not exist`);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-demo-'));
  const results = path.join(
    ROOT,
    '.samsa/runs',
    `${story.name}-${new Date().toISOString().replace(/[:.]/g, '-')}`,
  );
  const cleanUp = () => fs.rmSync(directory, { recursive: true, force: true });
  const interrupted = () => {
    cleanUp();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const verdict = await runStory(
      story,
      options.compose ? undefined : profile,
      { input: options.input, json: options.json ?? false },
      directory,
      results,
      print,
    );
    if (options.json) console.log(JSON.stringify(verdict));
    else showVerdict(verdict, results, print);
    return verdict.good ? 0 : 1;
  } finally {
    cleanUp();
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
  }
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('run a failover story on real processes')
    .argument('[name]', 'the story')
    .option('--input <file>', 'for failover: the file to write', DEFAULT_INPUT)
    .option('--json', 'the verdict as JSON on standard output')
    .option('--list', 'name the stories')
    .option('--compose', 'on docker-compose.yml instead of processes')
    .option('--profile <name>', 'classroom or authentic times', 'classroom')
    .action(action<Options>(demo));
}
