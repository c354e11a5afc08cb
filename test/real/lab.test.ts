/**
 * The lab with real processes: a page in Chromium shows them, kills the leader by a click, sees the next one
 * elected and nothing lost; and when the lab is ended, no process stays behind.
 */
import { ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { Browser, Page } from 'playwright-core';
import { launchChromium } from '../web/support/chromium';

const ROOT = path.join(__dirname, '../../..');
const WAIT_MS = 160_000;

interface Lab {
  readonly process: ChildProcess;
  /** The page, with its token. */
  readonly url: string;
  readonly lines: string[];
  readonly ended: Promise<number | null>;
}

let directory: string;
let browser: Browser | undefined;
const labs: Lab[] = [];

beforeAll(async () => {
  browser = await launchChromium();
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lab-page-'));
  const build = `import('./web/build.mjs').then((one) => one.build(${JSON.stringify(directory)}))`;
  if (browser) execFileSync(process.execPath, ['-e', build], { cwd: ROOT, stdio: 'inherit' });
});

afterAll(async () => {
  await browser?.close();
  for (const lab of labs) {
    lab.process.kill('SIGINT');
    await lab.ended;
  }
  fs.rmSync(directory, { recursive: true });
});

/** Resolves when it has printed its address. */
async function start(...args: readonly string[]): Promise<Lab> {
  const main = path.join(ROOT, 'dist/web/server/main.js');
  const child = spawn(process.execPath, [main, directory, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const found = /http:\S+/.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
    ended.then(() => reject(new Error('the lab has ended'))).catch(reject);
  });
  const lab = { process: child, url, lines, ended };
  labs.push(lab);
  return lab;
}

async function open(url: string): Promise<{ page: Page; problems: string[] }> {
  const page = await (await browser!.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  await page.goto(url);
  return { page, problems };
}

const told = (page: Page, text: RegExp) => page.locator('.events li', { hasText: text }).first().waitFor();

/** The counts of the verdict by their names. */
async function verdict(page: Page): Promise<Record<string, number>> {
  const counts = await page.locator('[data-verdict] .count').allInnerTexts();
  return Object.fromEntries(
    counts.map((text) => {
      const [count, name] = text.split('\n');
      return [name!.trim(), Number(count)];
    }),
  );
}

/** Which broker leads the lab's partition. */
async function leader(page: Page): Promise<string> {
  const name = await page.locator('[data-replica$="/t-0"].leader').first().getAttribute('data-replica');
  return name!.split('/')[0]!;
}

test('the leader is killed by a click, another leads, nothing is lost, no process stays', async () => {
  if (!browser) return;
  const lab = await start('--real', '--brokers', '3');
  const { page, problems } = await open(lab.url);
  await page.locator('[data-source="real"][data-connection="open"]').waitFor();
  await page.locator('[data-hint]').waitFor();
  for (const id of [1, 2, 3]) await page.locator(`[data-broker="${id}"].up`).waitFor();
  expect(page.url()).not.toContain(new URL(lab.url).hash);

  const first = await leader(page);
  await page.locator(`[data-broker="${first}"] .name`).click();
  await page.locator('[data-fault="kill"]').click();
  await page.locator(`[data-broker="${first}"].dead`).waitFor();
  // A controller that dies with its partition leaves it without a leader first.
  await told(page, new RegExp(`leader ${first} → |t-0: broker \\d leads in epoch [1-9]`));
  await page.locator(`[data-replica$="/t-0"].leader:not([data-replica="${first}/t-0"])`).waitFor();

  const before = await verdict(page);
  await page.locator('[data-client="p1"]').click();
  await page.getByRole('button', { name: 'Send 10 records' }).click();
  for (;;) {
    const now = await verdict(page);
    if (now.acked! >= before.acked! + 10 && now.read! >= now.acked!) break;
    await page.evaluate('new Promise(requestAnimationFrame)');
  }
  expect(await verdict(page)).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
  expect(await page.locator('.checks .bad').count()).toBe(0);

  // Another page, which came later, sees the same; and both see what it does.
  const other = await open(lab.url);
  await other.page.locator(`[data-broker="${first}"].dead`).waitFor();
  await other.page.keyboard.press(first);
  await other.page.keyboard.press('s');
  await page.locator(`[data-broker="${first}"].up`).waitFor();
  await told(page, new RegExp(`Broker ${first} starts`));
  const impossible = other.page.locator('[data-fault="power-cut"]');
  expect(await impossible.isDisabled()).toBe(true);
  expect(await impossible.getAttribute('title')).toContain('only the virtual cluster');

  const runs = /in (\/\S+)/.exec(lab.lines.find((line) => line.startsWith('Starting'))!)![1]!;
  lab.process.kill('SIGINT');
  expect(await lab.ended).toBe(0);
  await page.locator('[data-connection="closed"]').waitFor();
  expect(fs.existsSync(runs)).toBe(false);
  const left = execFileSync('sh', ['-c', 'ps -eo args | grep -F "$1" | grep -v grep || true', 'sh', runs]);
  expect(left.toString()).toBe('');
  expect([problems, other.problems]).toEqual([[], []]);
  await page.context().close();
  await other.page.context().close();
}, 600_000);

test('a cluster that runs is joined: its processes are left alone, and it survives the lab', async () => {
  if (!browser) return;
  const host = await start('--real', '--brokers', '1');
  const { page: own } = await open(host.url);
  await own.locator('[data-hint]').waitFor();
  const zookeeper = /ZooKeeper (\S+)/.exec((await own.locator('.top .title').textContent())!)![1]!;
  const guest = await start('--attach', zookeeper);
  const { page, problems } = await open(guest.url);
  await page.locator('[data-broker="1"].up').waitFor();
  await page.locator('[data-replica="1/t-0"].leader').waitFor();
  await page.locator('[data-broker="1"] .name').click();
  expect(await page.locator('[data-fault="kill"]').getAttribute('title')).toContain('not in its reach');
  await page.locator('[data-start-programs]').click();
  await page.locator('[data-replica="1/lab-0"].leader').waitFor();
  await page.locator('[data-client="c1"]').waitFor();
  guest.process.kill('SIGINT');
  expect(await guest.ended).toBe(0);
  await own.locator('[data-broker="1"].up').waitFor();
  expect(problems).toEqual([]);
}, 600_000);
