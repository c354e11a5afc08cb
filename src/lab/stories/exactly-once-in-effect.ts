/**
 * Three ways to consume, each killed at its worst moment and restarted: commit before the work, commit after
 * the work, and commit after the work with a store of what was done. The programs are those in examples/.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Story, StoryContext, StoryResult } from '../story';
import { openProducer } from '../workload';

const EXAMPLES = path.join(__dirname, '../../../../examples');
const PAYMENTS = 200;
const CRASH_AFTER = 70;

interface Outcome {
  readonly crashes: number;
  readonly paid: number;
  readonly lost: number;
  readonly repeated: number;
}

/** Runs the example. Returns true if it ended by itself, false if it was killed. */
function runExample(name: string, ledger: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(EXAMPLES, `${name}.mjs`), ledger], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...env },
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code !== null && code !== 0) reject(new Error(`${name} ended with code ${code}`));
      else resolve(signal === null);
    });
  });
}

function judge(ledger: string, crashes: number): Outcome {
  const lines = fs.existsSync(ledger)
    ? fs
        .readFileSync(ledger, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  const distinct = new Set(lines).size;
  return { crashes, paid: lines.length, lost: PAYMENTS - distinct, repeated: lines.length - distinct };
}

async function tell(context: StoryContext, name: string, directory: string): Promise<Outcome> {
  const { cluster } = context;
  await cluster.createTopic(
    name,
    new Map([
      [0, [1, 2, 3]],
      [1, [2, 3, 1]],
    ]),
  );
  const producer = await openProducer(cluster, {
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
  });
  await Promise.all(
    Array.from({ length: PAYMENTS }, (_, i) =>
      producer.send({ topic: name, partition: i % 2, value: `payment-${i}` }),
    ),
  );
  await producer.close();
  const ledger = path.join(directory, `${name}.txt`);
  const env = { SAMSA_ZOOKEEPER: cluster.connect, SAMSA_TOPIC: name };
  let crashes = 0;
  if (!(await runExample(name, ledger, { ...env, CRASH_AFTER: String(CRASH_AFTER) }))) crashes++;
  context.event('SIGKILL', { example: name });
  context.say(`${name}: killed at payment ${CRASH_AFTER}; started again`);
  await runExample(name, ledger, env);
  const outcome = judge(ledger, crashes);
  context.say(
    `${name}: ${PAYMENTS} payments due, ${outcome.paid} made: ${outcome.lost} lost, ${outcome.repeated} ` +
      `made twice`,
  );
  return outcome;
}

async function run(context: StoryContext): Promise<StoryResult> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-ledger-'));
  try {
    const most = await tell(context, 'at-most-once', directory);
    const least = await tell(context, 'at-least-once', directory);
    const once = await tell(context, 'exactly-once-in-effect', directory);
    const expect = (holds: boolean, problem: string) => (holds ? [] : [problem]);
    return {
      problems: [
        ...expect(
          most.crashes + least.crashes + once.crashes === 3,
          'a program was not killed where it should have been',
        ),
        ...expect(
          most.lost > 0 && most.repeated === 0,
          `commit first lost ${most.lost} and repeated ${most.repeated}: it should lose some and repeat none`,
        ),
        ...expect(
          least.lost === 0 && least.repeated > 0,
          `work first lost ${least.lost} and repeated ${least.repeated}: it should lose none and repeat some`,
        ),
        ...expect(
          once.lost === 0 && once.repeated === 0,
          `with a store ${once.lost} were lost and ${once.repeated} repeated: it should be none`,
        ),
      ],
      atMostOnce: most,
      atLeastOnce: least,
      exactlyOnceInEffect: once,
    };
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

export const exactlyOnceInEffect: Story = {
  name: 'exactly-once-in-effect',
  title: 'exactly-once-in-effect: what a crash loses, what it repeats, and how to have neither',
  question:
    '200 payments, and the consumer is killed between two steps. If it commits before it works, what is ' +
    'wrong afterwards? And the other way round?',
  brokers: 3,
  settings: { 'group.initial.rebalance.delay.ms': 0, 'offsets.topic.num.partitions': 5 },
  run,
};
