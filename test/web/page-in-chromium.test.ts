/** The lab's page in a real browser: a lesson by clicks, faults by keys, time by hand, runs by link. */
import { Page } from 'playwright-core';
import { encodeLink } from '../../web/shared/link';
import { DEFAULT_RUN } from '../../web/shared/run';
import { labPage } from './support/lab-page';

const WAIT_MS = 120_000;

const lab = labPage();

/**
 * A page in a profile of its own, when the cluster of its run is there; `problems` holds what went wrong in
 * it.
 */
async function open(hash = ''): Promise<{ page: Page; problems: string[]; others: string[] }> {
  const page = await (await lab.browser!.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  const others: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  page.on('request', (request) => {
    if (!request.url().startsWith(lab.server.url)) others.push(request.url());
  });
  await page.goto(`${lab.server.url}/${hash}`);
  await page.locator('[data-replica="2/t-0"]').waitFor();
  return { page, problems, others };
}

/** Waits until a line that contains the text is told. */
const told = (page: Page, text: string) => page.locator('.events li', { hasText: text }).first().waitFor();

async function atFullSpeed(page: Page): Promise<void> {
  for (let i = 0; i < 16; i++) await page.keyboard.press('+');
}

const clock = async (page: Page) => parseFloat((await page.locator('.clock').textContent())!);

test('at first there is a cluster that works and one hint, no scrolling and no other host', async () => {
  if (!lab.browser) return;
  const { page, problems, others } = await open();
  await page.locator('[data-hint]').waitFor();
  for (const id of [1, 2, 3]) await page.locator(`[data-broker="${id}"].up`).waitFor();
  const root = 'document.documentElement';
  const overflow = await page.evaluate(
    `${root}.scrollWidth > innerWidth || ${root}.scrollHeight > innerHeight`,
  );
  expect([overflow, problems, others]).toEqual([false, [], []]);
  await page.context().close();
});

test('the lesson about the death of a leader is played to its end by clicks', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  await page.locator('.chooser select').selectOption('failover');
  await page.locator('[data-lesson="failover"] .question').waitFor();
  await page.locator('[data-replica="1/t-0"].leader').waitFor();
  await page.locator('[data-guess="lost:none"]').click();
  await page.locator('[data-guess="duplicated:a few"]').click();
  await page.getByText('now break it').click();
  await page.locator('[data-break="0"]').click();
  await page.locator('[data-broker="1"].dead').waitFor();
  await atFullSpeed(page);
  await page.locator('.truth.right').waitFor();
  expect(await page.locator('.sights .seen').count()).toBe(4);
  expect(await page.locator('.truth.wrong').textContent()).toContain('you said a few');
  await page.getByText('read the lines').click();
  const text = await page.locator('.lesson').textContent();
  for (const part of ['What happens', 'Why nothing is lost', 'electOffline']) expect(text).toContain(part);
  expect(problems).toEqual([]);
  await page.context().close();
});

test('by keys a broker is killed, time stops and goes back, and the link shows the same run', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  await page.keyboard.press('1');
  await page.locator('[data-details="broker"]').waitFor();
  await page.keyboard.press('k');
  await page.locator('[data-broker="1"].dead').waitFor();
  await atFullSpeed(page);
  await told(page, 'leader 1 → 2');
  await page.keyboard.press(' ');
  await page.locator('.controls .play[aria-label="play"]').waitFor();
  const stoppedAt = await clock(page);
  const line = await page.locator('.events li', { hasText: 'leader 1 → 2' }).first().textContent();
  const hash = (await page.evaluate('location.hash')) as string;
  await page.keyboard.press('Home');
  await page.locator('[data-broker="1"].starting').waitFor();
  expect(await clock(page)).toBeLessThan(stoppedAt);
  const other = await open(hash);
  await atFullSpeed(other.page);
  await told(other.page, 'leader 1 → 2');
  expect(await other.page.locator('.events li', { hasText: 'leader 1 → 2' }).first().textContent()).toBe(
    line,
  );
  expect([problems, other.problems]).toEqual([[], []]);
  await page.context().close();
  await other.page.context().close();
});

/** Steps from message to message until one is drawn that is not ZooKeeper's, and clicks it at once. */
async function openMessageOfTheBrokers(page: Page): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const before = await clock(page);
    await page.locator('.controls').getByText('message ▸').click();
    for (let frame = 0; frame < 100 && (await clock(page)) === before; frame++)
      await page.evaluate('new Promise(requestAnimationFrame)');
    const isOpened = await page.evaluate(`(() => {
      const message = document.querySelector('.messages .message:not(.zookeeper)');
      message?.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      return message !== null;
    })()`);
    if (isOpened) return;
  }
  throw new Error('no message of the brokers within 200 messages');
}

test('a menu, a message and a znode are opened by clicks', async () => {
  if (!lab.browser) return;
  const { page, problems } = await open();
  await page.locator('[data-broker="2"]').click({ button: 'right' });
  await page.locator('.menu [data-fault="pause"]').click();
  await page.locator('[data-broker="2"].paused').waitFor();
  await page.locator('[data-znode="/controller"]').click();
  await page.locator('[data-details="znode"] pre', { hasText: 'brokerid' }).waitFor();
  await openMessageOfTheBrokers(page);
  await page.locator('.fields .name').first().waitFor();
  await page.keyboard.press('Escape');
  expect(await page.locator('.details').count()).toBe(0);
  expect(problems).toEqual([]);
  await page.context().close();
});

const link = `#${encodeLink({ ...DEFAULT_RUN, seed: '2' })}`;
test.each([
  ['cut off', link.slice(0, 60), 'cut off'],
  ['altered', link.replace(/.{12}\./, 'AAAAAAAAAAAA.'), 'altered'],
  ['of another version', link.replace('#v1', '#v7'), 'version 7'],
  ['none of ours', '#hello', 'not a link'],
])('a link that is %s is told in words, and the page goes on', async (_, hash, words) => {
  if (!lab.browser) return;
  const { page, problems } = await open(hash);
  await page.locator('.failure', { hasText: words }).waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
});
