/** The lab’s page in a real browser by keys alone: messages, links, clients, forms and time. */
import { Page } from 'playwright-core';
import { labPage } from './support/lab-page';

const WAIT_MS = 120_000;

const lab = labPage();

/** A page in a profile of its own; nobody touches its pointer. */
async function open(): Promise<{ page: Page; problems: string[] }> {
  const page = await (await lab.browser!.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  await page.goto(`${lab.server.url}/`);
  await page.locator('[data-hint]').waitFor();
  return { page, problems };
}

const told = (page: Page, text: string) => page.locator('.events li', { hasText: text }).first().waitFor();
const clock = async (page: Page) => parseFloat((await page.locator('.clock').textContent())!);
const stopped = (page: Page) => page.locator('.controls .play[aria-label="play"]').waitFor();

/** Steps from message to message until one can be chosen, and chooses it. */
async function chooseMessage(page: Page): Promise<void> {
  await page.keyboard.press(' ');
  await stopped(page);
  for (let i = 0; i < 200; i++) {
    const before = await clock(page);
    await page.keyboard.press('Shift+ArrowRight');
    for (let k = 0; k < 100 && (await clock(page)) === before; k++)
      await page.evaluate('new Promise(requestAnimationFrame)');
    await page.keyboard.press('m');
    if ((await page.locator('[data-details="message"]').count()) > 0) return;
  }
  throw new Error('no message within 200');
}

test('by keys a message is chosen and dropped, and the page tells that its connection is lost', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  await chooseMessage(page);
  await page.locator('[data-stops]').waitFor();
  await page.keyboard.press('k');
  await told(page, 'lost, and its connection with it');
  expect(problems).toEqual([]);
  await page.context().close();
});

test('by keys a link is cut, a topic made, a producer started, and time goes back and on', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  await page.keyboard.press('l');
  await page.locator('[data-details="link"]').waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.locator('.link.cut').first().waitFor();
  await page.keyboard.press('n');
  await page.locator('[data-form="producer"] [name="producer"]').waitFor();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('mine');
  await page.keyboard.press('Enter');
  await page.locator('[data-client="mine"]').waitFor();
  for (let i = 0; i < 16; i++) await page.keyboard.press('+');
  await page.locator('[data-client="mine"] .figure', { hasText: /[1-9]\d*acked/ }).waitFor();
  await page.keyboard.press(' ');
  await stopped(page);
  const stoppedAt = await clock(page);
  await page.keyboard.press('PageUp');
  await page.locator('.zoom .on').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.following').waitFor({ state: 'detached' });
  expect(await clock(page)).toBeLessThan(stoppedAt);
  await page.keyboard.press('c');
  await page.locator('[data-details="producer"]').waitFor();
  await page.keyboard.press('Escape');
  expect(await page.locator('.details').count()).toBe(0);
  expect(problems).toEqual([]);
  await page.context().close();
});

test('letters typed into a form are letters', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  const theme = () => page.evaluate('document.documentElement.dataset.theme');
  const before = await theme();
  await page.keyboard.press('n');
  await page.locator('[data-form="producer"] [name="producer"]').waitFor();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('dk1 n?');
  expect(await page.locator('[name="producer"]').inputValue()).toBe('dk1 n?');
  expect(await theme()).toBe(before);
  await page.keyboard.press('Escape');
  expect(await page.locator('.forms').count()).toBe(0);
  expect(problems).toEqual([]);
  await page.context().close();
});

test('a worker that throws is told in words, and the page stays', async () => {
  if (!lab.browser) return;
  const page = await (await lab.browser.newContext()).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const body = 'throw new Error("the worker is broken")';
  await page.route('**/worker.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
  await page.goto(`${lab.server.url}/`);
  await page.locator('.failure', { hasText: 'the worker is broken' }).waitFor();
  await page.keyboard.press('?');
  await page.locator('.keys').waitFor();
  await page.context().close();
});
