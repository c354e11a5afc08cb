/**
 * The page on a tape, in a real browser: a real cluster's server that tells, refuses and goes away; another
 * site that tries to use it; a timeline that is opened, dropped, or no timeline at all.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Browser, Page } from 'playwright-core';
import { EventHub } from '../../web/server/event-hub';
import { startLabServer } from '../../web/server/lab-server';
import { LabServer } from '../../web/server/static-server';
import { Action } from '../../web/shared/run';
import { launchChromium, serve } from './support/chromium';

const ROOT = path.join(__dirname, '../../..');
const WAIT_MS = 120_000;

let directory: string;
let browser: Browser | undefined;
let hub: EventHub;
let server: LabServer;
let performed: Action[];

beforeAll(async () => {
  browser = await launchChromium();
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-'));
  const build = `import('./web/build.mjs').then((one) => one.build(${JSON.stringify(directory)}))`;
  if (browser) execFileSync(process.execPath, ['-e', build], { cwd: ROOT, stdio: 'inherit' });
});

afterAll(async () => {
  await browser?.close();
  fs.rmSync(directory, { recursive: true });
});

beforeEach(async () => {
  performed = [];
  hub = new EventHub({ title: 'three real brokers', cannot: { 'power-cut': 'Nobody can cut its power.' } });
  const perform = (action: Action) => {
    performed.push(action);
    return Promise.resolve(action.what === 'kill' ? undefined : 'It is not possible today.');
  };
  server = await startLabServer({ directory, port: 0, live: { hub, perform } });
  broker(1, 'up');
  broker(2, 'up');
  hub.see('lab', { what: 'ready' });
});

afterEach(async () => {
  hub.end('over');
  await server.close();
});

function broker(id: number, status: 'up' | 'dead'): void {
  const said = { isController: false, controllerEpoch: 0, brokerEpoch: 1, problem: null };
  hub.see(`broker-${id}`, { what: 'broker', broker: id, host: `broker-${id}`, status, ...said });
}

async function open(url: string): Promise<{ page: Page; problems: string[] }> {
  const page = await (await browser!.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  await page.goto(url);
  return { page, problems };
}

test('what the server tells is drawn, an action is asked of it, and its refusal is read', async () => {
  if (!browser) return;
  const { page, problems } = await open(server.url);
  await page.locator('[data-broker="2"].up').waitFor();
  await page.locator('.top .title', { hasText: 'three real brokers' }).waitFor();
  await page.locator('[data-broker="1"] .name').click();
  expect(await page.locator('[data-fault="power-cut"]').getAttribute('title')).toContain('Nobody can cut');
  await page.locator('[data-fault="kill"]').click();
  await page.locator('[data-fault="pause"]').click();
  await page.locator('.events li', { hasText: 'It is not possible today' }).waitFor();
  expect(performed).toEqual([
    { what: 'kill', broker: 1 },
    { what: 'pause', broker: 1 },
  ]);
  broker(1, 'dead');
  await page.locator('[data-broker="1"].dead').waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

test('the page goes back in what was told, and to the present again', async () => {
  if (!browser) return;
  const { page, problems } = await open(server.url);
  await page.locator('[data-broker="1"].up').waitFor();
  hub.happened('user', 'fault', { fault: 'kill -9', target: '1' });
  broker(1, 'dead');
  await page.locator('[data-broker="1"].dead').waitFor();
  await page.keyboard.press('Home');
  await page.locator('[data-broker="1"].up').waitFor();
  await page.locator('.live', { hasText: 'go live' }).click();
  await page.locator('[data-broker="1"].dead').waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

test('when the server is gone the page says so, keeps what it has, and asks again', async () => {
  if (!browser) return;
  const { page, problems } = await open(server.url);
  await page.locator('[data-broker="1"].up').waitFor();
  await server.close();
  await page.locator('[data-connection-note]', { hasText: 'does not answer' }).waitFor();
  expect(await page.locator('[data-broker]').count()).toBe(2);
  const { port } = new URL(server.url);
  const perform = () => Promise.resolve(undefined);
  // Another run of the lab has another token: the page tells where the address is.
  server = await startLabServer({ directory, port: Number(port), live: { hub, perform } });
  await page.locator('[data-connection-note]', { hasText: 'in the terminal' }).waitFor();
  await page.goto(server.url);
  await page.locator('[data-source="real"][data-connection="open"]').waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});

test('a page of another site neither reads nor does anything', async () => {
  if (!browser) return;
  const other = await serve(directory);
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${other.url}/blank`);
  const { origin } = new URL(server.url);
  const tries = await page.evaluate(`(async () => {
    const body = JSON.stringify({ what: 'kill', broker: 1 });
    const json = { 'content-type': 'application/json' };
    const tried = async (url, init) => {
      try { const answer = await fetch(url, init); return answer.type + ' ' + (await answer.text()); }
      catch { return 'refused'; }
    };
    return [
      await tried('${origin}/commands', { method: 'POST', mode: 'no-cors', body }),
      await tried('${origin}/commands', { method: 'POST', body, headers: json }),
      await tried('${origin}/events', { credentials: 'include' }),
      await tried('${origin}/events', { mode: 'no-cors' }),
    ];
  })()`);
  expect(tries).toEqual(['opaque ', 'refused', 'refused', 'opaque ']);
  expect([performed, hub.clientCount]).toEqual([[], 0]);
  await page.context().close();
  await other.close();
});

const T0 = { topic: 't', partition: 0, leader: 2, leaderEpoch: 1, isr: [2] };
const TIMELINE = [
  { time: 1000, who: 'broker-1', what: 'broker-started', broker: 1, brokerEpoch: 1 },
  { time: 1100, who: 'broker-2', what: 'broker-started', broker: 2, brokerEpoch: 2 },
  { time: 2000, who: 'story', what: 'kill -9', broker: 1, role: 'leader' },
  { time: 2400, who: 'broker-2', what: 'leader-elected', ...T0, from: 1, unclean: false },
  { time: 2450, who: 'broker-2', what: 'became-leader', broker: 2, ...T0, logEndOffset: 7, highWatermark: 7 },
]
  .map((event) => `${JSON.stringify(event)}\n`)
  .join('');

const choose = (page: Page, name: string, text: string) =>
  page
    .locator('[data-timeline-file]')
    .setInputFiles({ name, mimeType: 'application/x-ndjson', buffer: Buffer.from(text, 'latin1') });

test('a timeline is replayed from the server, and another one that is chosen or dropped', async () => {
  if (!browser) return;
  const replay = await startLabServer({ directory, port: 0, replay: { name: 'failover', text: TIMELINE } });
  const { page, problems } = await open(replay.url);
  await page.locator('[data-source="replay"]').waitFor();
  await page.locator('[data-broker="1"].dead').waitFor();
  await page.locator('[data-replica="2/t-0"].leader').waitFor();
  await page.keyboard.press('Home');
  await page.locator('[data-broker="1"].up, [data-broker="1"].starting').waitFor();
  await choose(page, 'cut.ndjson', TIMELINE.slice(0, -30));
  await page.locator('[data-connection-note]', { hasText: 'cut off' }).waitFor();
  const another = TIMELINE.replaceAll('"broker-2"', '"broker-3"');
  await page.evaluate(`(() => {
    const files = new DataTransfer();
    files.items.add(new File([${JSON.stringify(another)}], 'x.ndjson'));
    window.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  })()`);
  await page.locator('[data-broker="3"]').waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
  await replay.close();
});

test.each([
  ['forged', '{"time":1,"who":"a","what":"znode","path":5}\n', 'no event of a timeline'],
  ['empty', '', 'empty'],
  ['no text', '\u0089PNG\u0000\u00ff\n', 'not text'],
  ['a verdict', '{"story":"failover","good":true}\n', 'line 1 has no time'],
])('a file that is %s is told in words, and the page goes on', async (_, text, words) => {
  if (!browser) return;
  const { page, problems } = await open(new URL('/', server.url).href);
  await page.locator('[data-replica="2/t-0"]').waitFor();
  await choose(page, 'some.ndjson', text);
  await page.locator('.failure', { hasText: words }).waitFor();
  await page.locator('[data-broker="1"].up').waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});
