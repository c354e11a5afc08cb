/**
 * A run is the same run in Node and in Chromium: the same trace of actions, and the same events, byte for
 * byte.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Player } from '../../web/engine/player';
import { Command, DEFAULT_RUN, Run } from '../../web/shared/run';
import { FromWorker, ToWorker } from '../../web/shared/worker-protocol';
import { launchChromium, serve } from './support/chromium';

const ROOT = path.join(__dirname, '../../..');

const FAULTS: readonly Command[] = [
  { what: 'power-cut', broker: 1, atMs: 3000 },
  { what: 'cut-link', from: 'broker-2', to: 'broker-3', isOneWay: true, atMs: 11000 },
  { what: 'start', broker: 1, atMs: 12000 },
  { what: 'heal-all', atMs: 14000 },
  { what: 'terminate', broker: 2, atMs: 17000 },
];
const RUNS: readonly Run[] = [
  { ...DEFAULT_RUN, seed: '1', actions: FAULTS },
  { ...DEFAULT_RUN, seed: 'zwei ✓', actions: FAULTS },
  { ...DEFAULT_RUN, seed: '3', brokers: 5, actions: FAULTS.slice(0, 2) },
];
const UNTIL_MS = 20000;

interface Outcome {
  readonly traceHash: string;
  readonly events: string;
}

async function inNode(run: Run): Promise<Outcome> {
  const heard: FromWorker[] = [];
  const later = (ms: number, work: () => void) => void setTimeout(work, ms);
  const player = new Player({
    nowMs: () => performance.now(),
    later,
    send: (message) => {
      heard.push(message);
    },
  });
  await player.handle({ type: 'load', run, atMs: UNTIL_MS });
  return outcomeOf(heard);
}

function outcomeOf(heard: readonly FromWorker[]): Outcome {
  const failed = heard.find((one) => one.type === 'failed');
  if (failed) throw new Error(failed.why);
  const time = heard.find((one) => one.type === 'time')!;
  return {
    traceHash: time.traceHash,
    events: JSON.stringify(heard.flatMap((one) => (one.type === 'events' ? one.events : []))),
  };
}

/** Runs in the page: everything that the worker says until it tells the time. */
const askWorker = `(message) => new Promise((resolve) => {
  const heard = [];
  const worker = new Worker('worker.js');
  worker.onmessage = ({ data }) => {
    heard.push(data);
    if (data.type !== 'time' && data.type !== 'failed') return;
    worker.terminate();
    resolve(heard);
  };
  worker.onerror = ({ message: why }) => resolve([{ type: 'failed', why }]);
  worker.postMessage(message);
})`;

test('the same run gives the same trace and the same events in Node and in Chromium', async () => {
  const browser = await launchChromium();
  if (!browser) return;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-'));
  const build = `import('./web/build.mjs').then((one) => one.buildWorker(${JSON.stringify(directory)}))`;
  execFileSync(process.execPath, ['-e', build], { cwd: ROOT, stdio: 'inherit' });
  const server = await serve(directory);
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}/blank`);
    for (const run of RUNS) {
      const message: ToWorker = { type: 'load', run, atMs: UNTIL_MS };
      const heard = (await page.evaluate(`(${askWorker})(${JSON.stringify(message)})`)) as FromWorker[];
      const there = outcomeOf(heard);
      const here = await inNode(run);
      expect(there.traceHash).toBe(here.traceHash);
      expect(there.events).toBe(here.events);
      expect(here.events.length).toBeGreaterThan(10000);
    }
  } finally {
    await server.close();
    await browser.close();
    fs.rmSync(directory, { recursive: true });
  }
});
