/**
 * Measures the lab's page in headless Chromium: `node web/measure.mjs [DIR]`, DIR with the built page. Prints
 * one line for each figure: real time, and processor time of the page's thread and of the worker's, which
 * other programs on the machine do not change.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { chromiumPath, serveFolder } from './browser.mjs';

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const directory = path.resolve(process.argv[2] ?? path.join(ROOT, '.samsa/lab-page'));
const TICKS_PER_S = 100;
const WORKER = 'DedicatedWorker';
/** The main thread has the name of its process. */
const PAGE = 'main';

/** Processor time so far, in ms, of all threads of that name in the browser's processes. */
function cpuMs(browserPid, thread) {
  let ticks = 0;
  for (const pid of descendantsOf(browserPid)) {
    for (const tid of list(`/proc/${pid}/task`)) {
      const stat = read(`/proc/${pid}/task/${tid}/stat`);
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      const isMain = tid === String(pid) && isRenderer(pid);
      if (thread === PAGE ? !isMain : !name.startsWith(thread)) continue;
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
  }
  return (ticks * 1000) / TICKS_PER_S;
}

const isRenderer = (pid) => read(`/proc/${pid}/cmdline`).includes('--type=renderer');

const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
const list = (folder) => {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
};

function descendantsOf(pid) {
  const parents = new Map();
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found;
}

const server = await serveFolder(directory);
const browserServer = await chromium.launchServer({
  executablePath: chromiumPath(),
  args: ['--no-sandbox', '--disable-gpu', '--enable-precise-memory-info', '--js-flags=--expose-gc'],
});
const browser = await chromium.connect(browserServer.wsEndpoint());
const { pid } = browserServer.process();
const page = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
page.setDefaultTimeout(600_000);
page.on('pageerror', (error) => console.log(`the page threw: ${error.stack}`));

const say = (what, said) => console.log(`${what.padEnd(44)} ${said}`);
const clockMs = async () => Math.round(1000 * parseFloat(await page.locator('.clock').textContent()));
const key = async (name, times = 1) => {
  for (let i = 0; i < times; i++) await page.keyboard.press(name);
};

/** Frames until the virtual time is reached, and what they cost. */
async function play(untilMs) {
  const before = { page: cpuMs(pid, PAGE), worker: cpuMs(pid, WORKER), atMs: await clockMs() };
  const { frames, realMs } = await page.evaluate(
    (until) =>
      new Promise((resolve) => {
        const start = performance.now();
        let frames = 0;
        const count = () => {
          frames++;
          const now = 1000 * parseFloat(document.querySelector('.clock').textContent);
          if (now < until) requestAnimationFrame(count);
          else resolve({ frames, realMs: performance.now() - start });
        };
        requestAnimationFrame(count);
      }),
    untilMs,
  );
  const virtualMs = (await clockMs()) - before.atMs;
  return {
    ...{ frames, realMs, virtualMs },
    pageMs: cpuMs(pid, PAGE) - before.page,
    workerMs: cpuMs(pid, WORKER) - before.worker,
  };
}

function tell(what, { frames, realMs, virtualMs, pageMs, workerMs }) {
  const rate = `${((1000 * frames) / realMs).toFixed(0)} frames/s, ${(pageMs / frames).toFixed(1)} ms CPU each`;
  const real = (virtualMs / realMs).toFixed(1);
  say(what, `${rate}; virtual time ${real}x real, ${(virtualMs / workerMs).toFixed(0)}x worker CPU`);
}

async function form(id, values) {
  await page.keyboard.press('n');
  await page.locator('.forms h2 select').selectOption(id);
  for (const [name, value] of Object.entries(values)) {
    const field = page.locator(`[data-form="${id}"] [name="${name}"]`);
    if ((await field.evaluate((one) => one.tagName)) === 'SELECT') await field.selectOption(value);
    else await field.fill(value);
  }
  await page.locator(`[data-form="${id}"] .next`).click();
}

async function open() {
  const startMs = Date.now();
  const before = cpuMs(pid, PAGE) + cpuMs(pid, WORKER);
  await page.goto(`${server.url}/`);
  await page.locator('[data-replica="2/t-0"]').waitFor();
  const cpu = cpuMs(pid, PAGE) + cpuMs(pid, WORKER) - before;
  say('first picture', `${Date.now() - startMs} ms, of it ${cpu} ms CPU in page and worker`);
  await page.locator('[data-hint]').waitFor();
}

/** In the page: where a moment stands. */
function placeOnTimeline(atMs) {
  const timeline = document.querySelector('.timeline');
  const svg = timeline.querySelector('svg');
  const { left, top, width, height } = svg.getBoundingClientRect();
  const unit = width / svg.viewBox.baseVal.width;
  const [from, to] = ['min', 'max'].map((one) => Number(timeline.getAttribute(`aria-value${one}`)));
  const share = (atMs - from) / (to - from);
  return { x: left + unit * 68 + share * (width - unit * 76), y: top + height / 3 };
}

async function seekBack(byMs) {
  await page.locator('.controls .play').click();
  await page.locator('.controls .play[aria-label="play"]').waitFor();
  const from = await clockMs();
  const before = { page: cpuMs(pid, PAGE), worker: cpuMs(pid, WORKER), at: Date.now() };
  const { x, y } = await page.evaluate(placeOnTimeline, from - byMs);
  await page.mouse.click(x, y);
  await page.waitForFunction(
    (until) => 1000 * parseFloat(document.querySelector('.clock').textContent) < until,
    from - byMs + 2000,
  );
  const took = cpuMs(pid, WORKER) - before.worker;
  const shownMs = Date.now() - before.at;
  say(
    `back by ${byMs / 1000} s, at ${(from / 1000).toFixed(0)} s: shown`,
    `after ${shownMs} ms; CPU ${cpuMs(pid, PAGE) - before.page} ms in the page, ${took} ms in the worker`,
  );
  await page.locator('.following').waitFor({ state: 'detached' });
  say('  and run again up to there', `${cpuMs(pid, WORKER) - before.worker} ms CPU in the worker`);
}

const megabytes = async () => {
  const heap = await page.evaluate(() => {
    globalThis.gc?.();
    return performance.memory.usedJSHeapSize;
  });
  const rss = descendantsOf(pid)
    .filter(isRenderer)
    .map((one) => Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${one}/status`))?.[1] ?? 0));
  return `page heap ${(heap / 1e6).toFixed(0)} MB, process ${(Math.max(...rss) / 1e3).toFixed(0)} MB`;
};

/** What the processor is worth now: on a busy or virtual machine it is slower, in processor time too. */
function calibrate() {
  const start = process.cpuUsage();
  for (let i = 0, x = 1; i < 1e8; i++) x = (x * 31 + i) | 0;
  const { user, system } = process.cpuUsage(start);
  return Math.round((user + system) / 1000);
}

say('100 million steps of a loop', `${calibrate()} ms CPU`);
await open();
await open();
await form('producer', { producer: 'load', everyMs: '20' });
await key('+', 16);
tell('3 brokers, 50 records/s, as fast as it can', await play(30_000));
await form('producer', { producer: 'more', everyMs: '5' });
tell('3 brokers, 250 records/s, as fast as it can', await play(70_000));
await seekBack(60_000);
await page.locator('.controls .play').click();
say('memory after 70 virtual s', await megabytes());
await play(130_000);
await seekBack(60_000);
await page.locator('.controls .play').click();
say('memory after 130 virtual s', await megabytes());
await play(200_000);
say('memory after 200 virtual s', await megabytes());

await form('run', { brokers: '5', seed: '3' });
await page.locator('[data-broker="5"].up').waitFor();
await form('topic', { topic: 'many', partitions: '29', replicas: '3' });
await form('producer', { producer: 'load', topic: 'many', everyMs: '10' });
await page.locator('[data-replica="1/many-0"]').waitFor();
/** Steps of the speed control, and how much virtual time to play. */
for (const [name, step, playMs] of [
  ['1/50', 4, 200],
  ['1', 9, 10_000],
  ['10', 12, 60_000],
]) {
  await page.locator('.speed input').fill(String(step));
  await page.locator('.controls .play[aria-label="stop time"]').waitFor();
  tell(`5 brokers, 30 partitions, load, speed ${name}`, await play((await clockMs()) + playMs));
}

await browser.close();
await browserServer.close();
await server.close();
