/**
 * `scripts/prove attack`: runs an attacker against three real brokers, and measures how long other clients
 * (the bystanders) wait. Exit code 0: no attack did harm.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Command, Option } from 'commander';
import type { Row } from '../attack/report';
import { Host } from '../common/host';
import { nodeHost, silentLog } from '../host/node-host';
import { AttackerOrder, AttackerReport } from '../lab/attacker-process';
import { action, wholeNumber } from './command';

interface Options {
  readonly minutes: number;
  readonly seed: string;
  readonly only?: readonly string[];
  readonly replay?: string;
  readonly list?: boolean;
  readonly strict?: boolean;
  readonly report?: string;
  readonly keep?: boolean;
  readonly worker?: string;
}

const QUIET_MS = 4000;
const RECOVERY_MS = 20_000;
const SHORTEST_ATTACK_MS = 4000;
const REPLAY_MS = 6000;
/** The number of lines shown of each kind. */
const SUSPECTS = 8;
/** On a machine with few processors the brokers and bystanders come first. */
const LOWEST_PRIORITY = 19;

/**
 * The attacker uses an IP address of its own if possible, so that limits per address do not affect the
 * bystanders.
 */
function attackerHost(): Host {
  const localAddress = process.platform === 'linux' ? '127.0.0.2' : undefined;
  return nodeHost({ name: 'attacker', log: silentLog, localAddress });
}

async function work(text: string): Promise<number> {
  const { carryOut } = await import('../attack/worker.js');
  os.setPriority(LOWEST_PRIORITY);
  process.stdin
    .on('end', () => process.exit(3))
    .on('error', () => process.exit(3))
    .resume();
  await carryOut(JSON.parse(text) as AttackerOrder, attackerHost(), (report) =>
    process.stdout.write(`${JSON.stringify(report)}\n`),
  );
  process.stdin.destroy();
  return 0;
}

/** Parses `attack:seed:number`. */
function parseReplay(text: string): {
  readonly name: string;
  readonly seed: string;
  readonly number: number;
} {
  const match = /^([a-z-]+):(.+):(\d+)$/.exec(text);
  if (!match) throw new Error(`'${text}' is no input: ATTACK:SEED:NUMBER, as it is printed`);
  return { name: match[1]!, seed: match[2]!, number: Number(match[3]) };
}

function showRow(
  { verdict }: Row,
  { suspects, slowest }: Pick<AttackerReport, 'suspects' | 'slowest'>,
  lines: readonly string[],
): void {
  for (const line of lines) console.log(line);
  const show = (what: string, inputs: readonly string[]) => {
    if (inputs.length > 0) console.log(`  ${what}, for --replay:`);
    for (const input of inputs) console.log(`    ${input}`);
  };
  if (verdict.problems.length + verdict.slow.length === 0) return;
  show('inputs that took longest', slowest);
  if (verdict.problems.length > 0) show('the last inputs without an answer', suspects.slice(-SUSPECTS));
}

async function attack(options: Options): Promise<number> {
  if (options.worker !== undefined) return work(options.worker);
  const { attacks, attackNamed } = await import('../attack/all-attacks.js');
  const { runCampaign } = await import('../attack/campaign.js');
  const { detailLines, markdown, tableLines } = await import('../attack/report.js');
  if (options.list) {
    for (const { name, sends, expected } of attacks)
      console.log(`${name.padEnd(20)}${sends}\n${' '.repeat(20)}→ ${expected}`);
    return 0;
  }
  const replay = options.replay === undefined ? undefined : parseReplay(options.replay);
  const chosen = replay ? [attackNamed(replay.name)] : (options.only?.map(attackNamed) ?? attacks);
  const each = (options.minutes * 60_000) / chosen.length - QUIET_MS;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-attack-'));
  const cleanUp = () => {
    if (!options.keep) fs.rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = () => {
    cleanUp();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const { rows, afterwards } = await runCampaign(chosen, {
      directory,
      seed: replay?.seed ?? options.seed,
      number: replay?.number,
      quietMs: QUIET_MS,
      recoveryMs: RECOVERY_MS,
      attackMs: replay ? REPLAY_MS : Math.max(SHORTEST_ATTACK_MS, each),
      isStrict: options.strict ?? false,
      say: (line) => console.log(line),
      onRow: (row, attacker) => showRow(row, attacker, [tableLines([row])[1]!, ...detailLines(row)]),
    });
    console.log('');
    for (const line of tableLines(rows)) console.log(line);
    if (options.report !== undefined) fs.writeFileSync(options.report, markdown(rows));
    if (options.keep) console.log(`logs and data are in ${directory}`);
    for (const problem of afterwards) console.log(`HARM: ${problem}`);
    const harmful = rows.filter(({ verdict }) => verdict.problems.length > 0);
    const inputs = rows.reduce((sum, { seen }) => sum + seen.inputs, 0).toLocaleString('en');
    const names = harmful.map(({ attack: { name } }) => name).join(', ');
    const verdict =
      harmful.length + afterwards.length === 0
        ? 'no attack did harm'
        : `harm by ${names || 'what was left on disk'}`;
    console.log(`${inputs} inputs, seed ${options.seed}: ${verdict}`);
    return harmful.length + afterwards.length === 0 ? 0 : 1;
  } finally {
    cleanUp();
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
  }
}

export function attackCommand(): Command {
  return new Command('attack')
    .description('attack real brokers, and measure what others notice of it')
    .option('--minutes <n>', 'for all attacks together', wholeNumber, 10)
    .option('--seed <s>', 'the inputs are the same for the same seed', '1')
    .option('--only <names...>', 'these attacks')
    .option('--replay <input>', 'one input, as it was printed: ATTACK:SEED:NUMBER')
    .option('--list', 'name the attacks, what they send and what is to become of it')
    .option('--strict', 'for a quiet machine: what is slow fails, too')
    .option('--report <file>', 'write the table as Markdown')
    .option('--keep', 'keep logs and data of the brokers')
    .addOption(
      new Option('--worker <order>', 'internal: attack for the process that started this one').hideHelp(),
    )
    .action(action<Options>(attack));
}
