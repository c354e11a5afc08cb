/**
 * Exercises in a real browser, by clicks alone, as a user solves them. What is clicked is waited for, and
 * nothing is asked of the time that it takes. Why a run does not count is tested without a browser.
 */
import { Page } from 'playwright-core';
import { judgeLink } from '../../web/check/judge-run';
import { EXERCISES } from '../../web/page/exercises/all-exercises';
import { labPage } from './support/lab-page';

const WAIT_MS = 150_000;

const lab = labPage();

class Hand {
  constructor(readonly page: Page) {}

  /** Fast, but not so fast that a look of the page is many seconds of the cluster. */
  async hurry(): Promise<void> {
    for (let i = 0; i < 16; i++) await this.page.keyboard.press('+');
    for (let i = 0; i < 3; i++) await this.page.keyboard.press('-');
  }

  async fault(fault: string, ...brokers: readonly number[]): Promise<void> {
    for (const broker of brokers) {
      await this.page.keyboard.press('Escape');
      await this.page.locator(`[data-broker="${broker}"] .name`).first().click();
      await this.page.locator(`.details [data-fault="${fault}"]:not([disabled])`).click();
    }
    await this.page.keyboard.press('Escape');
  }

  async zookeeper(button: string): Promise<void> {
    await this.page.locator('[data-zookeeper] .name').first().click();
    await this.page.locator('.details button', { hasText: button }).click();
    await this.page.keyboard.press('Escape');
  }

  /** The line between two hosts: a thin thing, so it is told that it was clicked. */
  async link(from: string, to: string, button: string): Promise<void> {
    await this.page.locator(`[data-link="${from}>${to}"]`).dispatchEvent('click');
    await this.page.locator('.details button', { hasText: button }).click();
    await this.page.keyboard.press('Escape');
  }

  tool(label: string): Promise<void> {
    return this.page.locator(`[data-tool="${label}"]`).click();
  }

  goal(name: string): Promise<void> {
    return this.page.locator(`[data-goal="${name}"].seen`).waitFor();
  }

  /** Until so much virtual time has gone by. */
  async wait(ms: number): Promise<void> {
    const clock = `parseFloat(document.querySelector('.clock').textContent)`;
    const until = Number(await this.page.evaluate(clock)) + ms / 1000;
    await this.page.waitForFunction(`${clock} >= ${until}`, undefined, { timeout: WAIT_MS });
  }

  leader(broker: number): Promise<void> {
    return this.page.locator(`[data-replica="${broker}/t-0"].leader`).waitFor();
  }

  /** The follower dies, the leader goes on alone and dies, the stale one comes back first. */
  async lose(leader: number, follower: number): Promise<void> {
    await this.fault('kill', follower);
    const isAlone = new RegExp(`leader · ISR ${leader}(?! )`);
    await this.page.locator(`[data-broker="${leader}"]`, { hasText: isAlone }).waitFor();
    await this.wait(2000);
    await this.fault('kill', leader);
    await this.fault('start', follower);
    await this.wait(9000);
    await this.fault('start', leader);
  }
}

/** Broker 1 leads, broker 3 is the controller. */
const PLAYS: Readonly<Record<string, (hand: Hand) => Promise<void>>> = {
  'isr-to-one': async (hand) => {
    await hand.fault('pause', 2, 3);
    await hand.goal('one');
    await hand.fault('resume', 2, 3);
  },
  'acks-all-waits': (hand) => hand.fault('kill', 2, 3),
  'no-one-waits': (hand) => hand.fault('terminate', 1),
  'preferred-back': async (hand) => {
    await hand.fault('kill', 1);
    await hand.goal('failover');
    await hand.fault('start', 1);
    await hand.wait(4000);
    await hand.tool('preferred election for t-0');
  },
  'zookeeper-unnoticed': async (hand) => {
    await hand.zookeeper('Take down');
    await hand.goal('long');
    await hand.zookeeper('Bring up');
  },
  'three-controllers': async (hand) => {
    for (const goal of ['first', 'second', 'third']) {
      const controller = await hand.page.locator('.broker.controller').getAttribute('data-broker');
      await hand.fault('expire-session', Number(controller));
      await hand.goal(goal);
      await hand.wait(4000);
    }
  },
  'two-leaders': async (hand) => {
    await hand.fault('cut-zookeeper', 1);
    await hand.goal('two');
    await hand.fault('heal-zookeeper', 1);
  },
  'follower-truncates': async (hand) => {
    await hand.link('broker-1', 'broker-2', 'Cut both ways');
    await hand.link('broker-1', 'broker-3', 'Cut both ways');
    await hand.fault('cut-zookeeper', 1);
    await hand.leader(2);
    await hand.wait(1000);
    await hand.zookeeper('Mend all');
  },
  'lost-then-harmless': async (hand) => {
    await hand.lose(1, 2);
    await hand.goal('whole');
    await hand.tool('set unclean.leader.election.enable=false');
    await hand.goal('changed');
    await hand.wait(2000);
    await hand.lose(2, 1);
  },
  'power-cut': async (hand) => {
    await hand.fault('power-cut', 1, 2, 3);
    await hand.fault('start', 1, 2, 3);
  },
  'duplicate': async (hand) => {
    await hand.tool('start p2: acks=all');
    await hand.wait(3000);
    await hand.link('client-3', 'broker-1', '→ producer p1');
    await hand.link('client-4', 'broker-1', '→ producer p2');
    await hand.wait(12_000);
    await hand.zookeeper('Mend all');
  },
  'read-twice': async (hand) => {
    await hand.tool('start c2: group g1');
    await hand.wait(5000);
    // From its coordinator alone: it reads on, and cannot commit.
    await hand.link('client-2', 'broker-2', 'Cut both ways');
  },
  'expelled': async (hand) => {
    for (const broker of [1, 2, 3]) await hand.link('client-3', `broker-${broker}`, 'Cut both ways');
    await hand.goal('alone');
    await hand.zookeeper('Mend all');
  },
};

async function begin(name: string): Promise<{ page: Page; hand: Hand; problems: string[] }> {
  const page = await (await lab.browser!.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
  page.setDefaultTimeout(WAIT_MS);
  const problems: string[] = [];
  page.on('pageerror', ({ stack }) => problems.push(String(stack)));
  await page.goto(lab.server.url);
  await page.locator('[data-replica="2/t-0"]').waitFor();
  await page.locator('.chooser select').selectOption(`exercise:${name}`);
  await page.locator(`[data-exercise="${name}"]`).waitFor();
  await page.locator('[data-judgement="open"]', { hasText: 'Nothing was done yet.' }).waitFor();
  await page.locator('[data-replica="1/t-0"].leader').waitFor();
  const hand = new Hand(page);
  await hand.hurry();
  return { page, hand, problems };
}

test('every exercise is played', () => {
  expect(Object.keys(PLAYS).sort()).toEqual(EXERCISES.map(({ name }) => name).sort());
});

test.each(Object.keys(PLAYS))('the exercise %s by clicks', async (name) => {
  if (!lab.browser) return;
  const { page, hand, problems } = await begin(name);
  await PLAYS[name]!(hand);
  await page.locator('[data-judgement="passed"]').waitFor();
  const { goals } = EXERCISES.find((one) => one.name === name)!;
  expect(await page.locator('.goals .seen').count()).toBe(goals.length);
  // The address is what is handed in.
  const link = new URL(page.url()).hash.slice(1);
  expect(await judgeLink(link)).toEqual({ exercise: name, hasPassed: true, why: '' });
  await page.locator('.chooser option', { hasText: '✓' }).first().waitFor({ state: 'attached' });
  expect(await page.locator('.failure').count()).toBe(0);
  expect(problems).toEqual([]);
  await page.context().close();
});

test('hints come one by one, and nothing is wider than its place', async () => {
  if (!lab.browser) return;
  const { page, problems } = await begin('lost-then-harmless');
  for (const count of [1, 2, 3]) {
    await page.locator('[data-hint-button]').click();
    expect(await page.locator('.hints p').count()).toBe(count);
  }
  expect(await page.locator('[data-hint-button]').count()).toBe(0);
  const tooWide = await page.evaluate(`(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    const body = document.querySelector('.exercise .body');
    const { right } = body.getBoundingClientRect();
    const wide = [...body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > right);
    const isScrolling = scrollWidth > innerWidth || scrollHeight > innerHeight;
    return [...(isScrolling ? ['the page scrolls'] : []), ...wide.map((one) => one.outerHTML.slice(0, 80))];
  })()`);
  expect([tooWide, problems]).toEqual([[], []]);
  await page.context().close();
});

test('a run that was begun anew before the exercise does not count, and the page says so', async () => {
  if (!lab.browser) return;
  const { page, hand } = await begin('isr-to-one');
  await page.keyboard.press('Home');
  await hand.fault('kill', 2);
  await page.locator('[data-judgement="void"]', { hasText: 'before the exercise begins' }).waitFor();
  await page.locator('[data-judgement="void"] button').click();
  await page.locator('[data-judgement="open"]', { hasText: 'Nothing was done yet.' }).waitFor();
  await page.context().close();
});
