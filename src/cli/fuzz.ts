/**
 * `scripts/prove fuzz`: feeds changed encodings to every decoder that reads data from other processes or from
 * disk. Exit code 0: every decoder did only what is documented.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Command } from 'commander';
import type { FuzzTarget } from '../fuzz/fuzz-target';
import { action, wholeNumber } from './command';

interface Options {
  readonly inputs: number;
  readonly seed: string;
  readonly target?: readonly string[];
  readonly corpus: string;
  readonly save?: boolean;
  readonly replay?: string;
  readonly list?: boolean;
}

const CORPUS = path.join(__dirname, '../../../test/fuzz/corpus');
/** Inputs per round. Inputs that a target keeps in one round are changed again in the next one. */
const ROUND = 50_000;
/** The limit for one input, on any machine: a decoder must not block the event loop for longer. */
const MAX_MS = 2000;
const MAX_SAVED = 64;

const fileOf = (corpus: string, { name }: FuzzTarget) => path.join(corpus, `${name}.txt`);

/** A corpus file has one input per line, in hex. */
function readCorpus(corpus: string, target: FuzzTarget): Buffer[] {
  const file = fileOf(corpus, target);
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'));
}

/** Keeps the smallest inputs; larger ones add nothing. */
function saveCorpus(corpus: string, target: FuzzTarget, inputs: readonly Buffer[]): void {
  const lines = [...new Set(inputs.map((input) => input.toString('hex')))].filter((line) => line !== '');
  const smallest = lines.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, MAX_SAVED);
  fs.mkdirSync(corpus, { recursive: true });
  fs.writeFileSync(fileOf(corpus, target), smallest.map((line) => `${line}\n`).join(''));
}

async function replayInput(text: string): Promise<number> {
  const { targetNamed } = await import('../fuzz/all-targets.js');
  const { tryInput } = await import('../fuzz/fuzz-target.js');
  const match = /^([a-z-]+):((?:[0-9a-f]{2})*)$/.exec(text);
  if (!match) throw new Error(`'${text}' is no input: TARGET:HEX, as it is printed`);
  const outcome = tryInput(targetNamed(match[1]!), Buffer.from(match[2]!, 'hex'));
  console.log(JSON.stringify(outcome));
  return 'problem' in outcome ? 1 : 0;
}

async function fuzzTarget(target: FuzzTarget, inputs: number, options: Options): Promise<number> {
  const { fuzz } = await import('../fuzz/fuzz.js');
  const corpus = readCorpus(options.corpus, target);
  const problems = new Map<string, Buffer>();
  const startMs = performance.now();
  let slowestMs = 0;
  let features = 0;
  for (let done = 0, round = 0; done < inputs; done += ROUND, round++) {
    const seed = `${options.seed}/${round}`;
    const result = fuzz(target, {
      inputs: Math.min(ROUND, inputs - done),
      seed,
      corpus,
      nowMs: () => performance.now(),
      maxMs: MAX_MS,
    });
    corpus.push(...result.kept);
    slowestMs = Math.max(slowestMs, result.slowestMs);
    features = result.features;
    for (const { problem, input } of result.findings)
      if (!problems.has(problem)) problems.set(problem, input);
    // Lets the event loop handle signals between two rounds.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rate = Math.round(inputs / Math.max(0.001, (performance.now() - startMs) / 1000)).toLocaleString(
    'en',
  );
  const figures = [
    `${target.name.padEnd(20)}${inputs.toLocaleString('en').padStart(12)} inputs ${rate.padStart(9)}/s`,
    `${String(features).padStart(6)} ways to answer, slowest ${slowestMs.toFixed(0)} ms`,
  ];
  console.log(figures.join(' '));
  for (const [problem, input] of problems)
    console.log(`  FOUND: ${problem}\n    --replay ${target.name}:${input.toString('hex')}`);
  if (options.save) saveCorpus(options.corpus, target, corpus);
  return problems.size;
}

async function run(options: Options): Promise<number> {
  if (options.replay !== undefined) return replayInput(options.replay);
  const { fuzzTargets, targetNamed } = await import('../fuzz/all-targets.js');
  if (options.list) {
    for (const { name } of fuzzTargets) console.log(name);
    return 0;
  }
  const targets = options.target?.map(targetNamed) ?? fuzzTargets;
  let found = 0;
  for (const target of targets)
    found += await fuzzTarget(target, Math.ceil(options.inputs / targets.length), options);
  const verdict = found === 0 ? 'nothing found' : `${found} found`;
  console.log(`${options.inputs.toLocaleString('en')} inputs, seed ${options.seed}: ${verdict}`);
  return found === 0 ? 0 : 1;
}

export function fuzzCommand(): Command {
  return new Command('fuzz')
    .description('changed encodings against every decoder')
    .option('--inputs <n>', 'for all targets together', wholeNumber, 1_000_000)
    .option('--seed <s>', 'the inputs are the same for the same seed and corpus', '1')
    .option('--target <names...>', 'these decoders')
    .option('--corpus <directory>', 'inputs that were worth keeping', CORPUS)
    .option('--save', 'add to the corpus what was answered in a new way')
    .option('--replay <input>', 'one input, as it was printed: TARGET:HEX')
    .option('--list', 'name the decoders')
    .action(action<Options>(run));
}
