/**
 * Takes the pictures of the lab's page for README and docs: `node web/pictures.mjs [DIR]`, by default into
 * docs/pictures. Each is a view as a user sees it, reached by keys and clicks; look at them before they are
 * committed.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from './build.mjs';
import { chromiumPath, serveFolder } from './browser.mjs';
import { smallPng } from './small-png.mjs';

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const directory = path.resolve(process.argv[2] ?? path.join(ROOT, 'docs/pictures'));
const MAX_KB = 150;
const WAIT_MS = 300_000;

const page_ = path.join(ROOT, '.samsa/lab-page');
await build(page_);
const server = await serveFolder(page_);
const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ['--no-sandbox', '--disable-gpu'],
});

async function open({ width = 1280, height = 720, scheme = 'dark' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.on('pageerror', (error) => console.error(`the page threw: ${error.stack}`));
  await page.goto(`${server.url}/`);
  await page.locator('[data-hint]').waitFor();
  return page;
}

async function shoot(page, name) {
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
  const file = path.join(directory, `${name}.png`);
  fs.writeFileSync(file, smallPng(await page.screenshot()));
  const kilobytes = fs.statSync(file).size / 1024;
  console.log(`${name}.png ${kilobytes.toFixed(0)} KB`);
  if (kilobytes > MAX_KB) process.exitCode = 1;
}

const press = async (page, key, times = 1) => {
  for (let i = 0; i < times; i++) await page.keyboard.press(key);
};
const told = (page, text) => page.locator('.events li', { hasText: text }).first().waitFor();
const until = (page, s) =>
  page.waitForFunction((at) => parseFloat(document.querySelector('.clock').textContent) >= at, s);
const stop = async (page) => {
  await page.locator('.controls .play[aria-label="stop time"]').click();
  await page.locator('.controls .play[aria-label="play"]').waitFor();
};

/** A leader dies: spans, curves, the details of the broker that leads now. */
async function failover(scheme, name) {
  const page = await open({ scheme });
  await press(page, '1');
  await press(page, 'k');
  await press(page, '+', 10);
  await told(page, 'leader 1 → 2');
  await until(page, 12);
  await stop(page);
  await press(page, 'Escape');
  await shoot(page, name);
  await page.context().close();
}

/** A produce request on its way, with what can be done to it and its record batch byte by byte. */
async function message() {
  const page = await open();
  await stop(page);
  const isProduce = () =>
    document.querySelector('.message.chosen')?.classList.contains('produce') &&
    !document.querySelector('.message.chosen').classList.contains('response');
  for (let i = 0; i < 300 && !(await page.evaluate(isProduce)); i++) {
    await press(page, 'Shift+ArrowRight');
    await page.evaluate(() => new Promise(requestAnimationFrame));
    if (await page.locator('.messages .message.produce').count()) await press(page, 'm');
  }
  await page.locator('.own-bytes').first().waitFor();
  await page.locator('.own-bytes').first().scrollIntoViewIfNeeded();
  await shoot(page, 'lab-message');
  await page.context().close();
}

/** A tablet, upright. */
async function tablet() {
  const page = await open({ width: 820, height: 1180 });
  await press(page, '1');
  await press(page, 'p');
  await press(page, '+', 10);
  await told(page, 'leader 1 → 2');
  await stop(page);
  await shoot(page, 'lab-tablet');
  await page.context().close();
}

fs.mkdirSync(directory, { recursive: true });
await failover('dark', 'lab-failover');
await failover('light', 'lab-light');
await message();
await tablet();
await browser.close();
await server.close();
