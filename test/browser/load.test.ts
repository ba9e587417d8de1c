import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusyNode } from './busy-node.ts';
import { missingBrowser, openBrowser, watch, type Watch } from './chromium.ts';

const eventsPerSecond = 2_000;
const membersCount = 200;
const observedMs = 2_500;
const deadlineMs = 60_000;
const testMs = 120_000;

/** A task that takes longer delays frames so that it can be seen (W3C Long Tasks). ms of processor time. */
const longTaskMs = 50;
/** The share of one processor that the page may take, drawing without the help of a graphics card included. */
const loadMax = 0.75;

describe.skipIf(missingBrowser !== undefined)('The page, with 200 members and 2,000 events a second', () => {
  let node: BusyNode;
  let browser: Browser;
  let page: Page;
  let watched: Watch;

  beforeAll(async () => {
    node = await BusyNode.start({ members: membersCount, eventsPerSecond });
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    watched = watch(page, node.url);
    await page.goto(`${node.url}/debug/`);
    await page.locator('.tile', { hasText: `of ${membersCount}` }).waitFor({ timeout: deadlineMs });
  }, testMs);

  afterAll(async () => {
    await browser.close();
    await node.close();
  });

  it.each([
    ['overview', '', '.card'],
    ['a statechart', 'actors/syncer', '.statechart .edge.taken'],
    ['the timeline', 'timeline', '.row'],
    ['the charts', 'charts', '.plot canvas'],
  ])(
    'stays smooth: %s',
    // While others keep the machine from its work, each task takes longer, processor time or not.
    { timeout: testMs, retry: 2 },
    async (_, hash, sign) => {
      await page.goto(`${node.url}/debug/#/${hash}`);
      await page.locator(sign).first().waitFor({ timeout: deadlineMs });
      const sentBefore = node.sent;
      const tasks = await tasksOf(browser, page, observedMs);
      expect(node.sent - sentBefore).toBeGreaterThan(0);
      expect(tasks.length).toBeGreaterThan(10);
      // One may be that of the collection of garbage.
      expect(tasks.filter((ms) => ms > longTaskMs).length).toBeLessThanOrEqual(1);
      const sum = tasks.reduce((total, ms) => total + ms, 0);
      expect(sum / observedMs).toBeLessThan(loadMax);
      const elements = await page.evaluate(() => document.querySelectorAll('*').length);
      expect(elements).toBeLessThan(2_500);
    },
  );

  it(
    'keeps the list of members and of actors short, and finds any of them',
    async () => {
      await page.goto(`${node.url}/debug/#/`);
      await page.getByRole('button', { name: 'more of' }).click();
      const rows = await page.locator('.members tbody tr').count();
      expect(rows).toBeLessThan(membersCount);
      await page.goto(`${node.url}/debug/#/actors`);
      await page.getByRole('searchbox').fill('member199');
      await page.locator('.actor-link', { hasText: 'pusher-member199' }).waitFor({ timeout: deadlineMs });
    },
    testMs,
  );

  it(
    'says how much it left out when more came than it can show',
    async () => {
      await page.goto(`${node.url}/debug/#/timeline`);
      await page.locator('.row').first().waitFor({ timeout: deadlineMs });
      // A page that draws no frames gets no time to show what comes.
      await page.evaluate(() => {
        const asked: FrameRequestCallback[] = [];
        const ask = window.requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (callback) => asked.push(callback);
        setTimeout(() => {
          window.requestAnimationFrame = ask;
          for (const callback of asked) ask(callback);
        }, 4_000);
      });
      await page.getByText('came too fast and were left out').waitFor({ timeout: deadlineMs });
    },
    testMs,
  );

  it('writes no error, and calls nobody but its node', () => {
    expect([watched.errors, watched.strays]).toEqual([[], []]);
  });
});

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/**
 * The tasks of the page's main thread in a while, ms each: the time that the thread itself ran, for on a busy machine
 * the clock says more of the others.
 */
async function tasksOf(browser: Browser, page: Page, forMs: number): Promise<number[]> {
  await browser.startTracing(page, {
    categories: ['disabled-by-default-devtools.timeline', '__metadata'],
  });
  await page.waitForTimeout(forMs);
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const threads = trace.traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const tasks = trace.traceEvents.filter(
    ({ name, ph, pid, tid }) =>
      ph === 'X' && name === 'RunTask' && threads.some((thread) => thread.pid === pid && thread.tid === tid),
  );
  return tasks.map(({ tdur = 0 }) => tdur / 1_000);
}
