/**
 * Every lesson in a real browser, by clicks alone: predicted, broken, seen, read. Whatever is clicked is
 * waited for, and nothing is asked of the time that it takes. Which predictions come true is tested
 * without a browser (lessons.test.ts).
 */
import { Page } from 'playwright-core';
import { LESSONS } from '../../web/page/lessons/all-lessons';
import { isBreak, isSight, LessonScript } from '../../web/page/lessons/script';
import { labPage } from './support/lab-page';

const WAIT_MS = 120_000;

const lab = labPage();

/** Fast, but not so fast that a look of the page is many seconds of the cluster. */
async function atSpeed(page: Page): Promise<void> {
  for (let i = 0; i < 16; i++) await page.keyboard.press('+');
  for (let i = 0; i < 3; i++) await page.keyboard.press('-');
}

/** Nothing of the lesson is wider than its place, and the page does not scroll. */
async function expectThatItFits(page: Page): Promise<void> {
  const tooWide = await page.evaluate(`(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    const body = document.querySelector('.lesson .body');
    const widths = [body, ...body.querySelectorAll('*:not(pre, pre *)')].filter(
      (one) => one.getBoundingClientRect().right > body.getBoundingClientRect().right,
    );
    const texts = widths.map((one) => one.outerHTML.slice(0, 80));
    return scrollWidth > innerWidth || scrollHeight > innerHeight ? ['the page scrolls', ...texts] : texts;
  })()`);
  expect(tooWide).toEqual([]);
}

/** Whether all of it is seen without scrolling the lesson. */
const isInSight = (page: Page, selector: string) =>
  page.evaluate(`(() => {
    const { bottom } = document.querySelector('.lesson .body').getBoundingClientRect();
    return document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect().bottom <= bottom;
  })()`);

async function predict(page: Page, { predictions }: LessonScript): Promise<void> {
  for (const { id, choices } of predictions) await page.locator(`[data-guess="${id}:${choices[0]}"]`).click();
  await expectThatItFits(page);
  expect(await isInSight(page, '.lesson .next')).toBe(true);
  await page.getByText('now break it').click();
  await expectThatItFits(page);
}

test.each(LESSONS.map((one) => [one.name, one] as const))('the lesson %s by clicks', async (name, lesson) => {
  if (!lab.browser) return;
  const page = await (await lab.browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  await page.goto(lab.server.url);
  await page.locator('[data-replica="2/t-0"]').waitFor();
  await page.locator('.chooser select').selectOption(name);
  await page.locator(`[data-lesson="${name}"] .question`).waitFor();
  await predict(page, lesson);
  const breaks = lesson.steps.filter(isBreak);
  await page.locator('[data-break="0"]:not([disabled])').click();
  await page.locator('.sights').waitFor();
  await atSpeed(page);
  for (let i = 1; i < breaks.length; i++) await page.locator(`[data-break="${i}"]:not([disabled])`).click();
  await page.locator('.truth').first().waitFor();
  expect(await page.locator('.truth').count()).toBe(lesson.predictions.length);
  expect(await page.locator('.sights .seen').count()).toBe(lesson.steps.filter(isSight).length);
  await expectThatItFits(page);
  await page.getByText('read the lines').click();
  expect(await page.locator('.lesson .source').count()).toBeGreaterThan(1);
  await expectThatItFits(page);
  expect(await page.locator('.failure').count()).toBe(0);
  expect(problems).toEqual([]);
  await page.context().close();
});
