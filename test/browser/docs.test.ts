import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeProcess, temporaryFolder } from '../node-process.ts';
import { seriousFlaws } from './axe.ts';
import { missingBrowser, openBrowser, watch, type Watch } from './chromium.ts';

/** Only a wait in vain takes this long. */
const deadlineMs = 90_000;
const testMs = 120_000;
const narrow = { width: 390, height: 844 };
const wide = { width: 1280, height: 800 };
/** Of an answer, as the page shows it. */
const triedCharsMax = 65_536;

describe.skipIf(missingBrowser !== undefined)('The page under /docs', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let node: NodeProcess;
  let url = '';
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let watched: Watch;

  const part = (operation: string, selector: string) => page.locator(`#${operation} ${selector}`);
  const field = (operation: string, name: string) => part(operation, `.try [name="${name}"]`);
  const open = async (operation: string) => part(operation, '.try summary').click();
  const send = async (operation: string) => part(operation, '.try button[type=submit]').click();
  const outcome = async (operation: string, text: string | RegExp) =>
    part(operation, '.outcome').filter({ hasText: text }).waitFor({ timeout: deadlineMs });

  beforeAll(async () => {
    folder = await temporaryFolder();
    ({ node, url } = await NodeProcess.start(folder.path));
    browser = await openBrowser();
    context = await browser.newContext({ viewport: wide });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    page = await context.newPage();
    page.setDefaultTimeout(deadlineMs);
    watched = watch(page, url);
    await page.goto(`${url}/docs`);
    await page.locator('.copy:visible').first().waitFor();
  }, testMs);

  afterAll(async () => {
    await browser.close();
    await node.kill();
    await folder.remove();
  }, testMs);

  it(
    'copies a line for the shell, which names the node that served it',
    async () => {
      await part('getValue', '.copy').click();
      await part('getValue', '.copy').filter({ hasText: 'Copied' }).waitFor();
      const copied = await page.evaluate(() => navigator.clipboard.readText());
      expect(copied).toBe(`curl ${url}/kv/users/john/profile`);
    },
    testMs,
  );

  it(
    'sends a request that was filled in, and shows its answer',
    async () => {
      await open('putValue');
      await field('putValue', 'path').fill('a b/é');
      await field('putValue', 'ttl').fill('100');
      await field('putValue', 'body').fill('{"it":"works"}');
      await send('putValue');
      await outcome('putValue', '201 Created');
      expect(await part('putValue', '.result').textContent()).toMatch(/etag: "[^]*"expires_at":\d+/);
      expect(await (await fetch(`${url}/kv/a%20b/%C3%A9`)).text()).toBe('{"it":"works"}');
      await open('listKeys');
      await field('listKeys', 'prefix').fill('');
      await field('listKeys', 'values').check();
      await field('listKeys', 'recursive').check();
      await send('listKeys');
      await outcome('listKeys', '200 OK');
      expect(await part('listKeys', '.result').textContent()).toContain('"value":{"it":"works"}');
    },
    testMs,
  );

  it(
    'shows a stream as it comes, until it is stopped',
    async () => {
      await open('watch');
      await field('watch', 'path').fill('watched');
      await send('watch');
      await part('watch', '.result').filter({ hasText: ': connected' }).waitFor();
      await fetch(`${url}/kv/watched`, { method: 'PUT', body: '"seen"' });
      await part('watch', '.result').filter({ hasText: 'event: put' }).waitFor();
      await part('watch', '.stop').click();
      await outcome('watch', 'Stopped');
      expect(await part('watch', '.stop').isVisible()).toBe(false);
    },
    testMs,
  );

  it(
    'cuts an answer that is longer than it can show, and says so',
    async () => {
      await fetch(`${url}/kv/long`, { method: 'PUT', body: JSON.stringify('x'.repeat(100_000)) });
      await open('getValue');
      await field('getValue', 'path').fill('long');
      await send('getValue');
      await outcome('getValue', /^200 OK, cut after 65,536 characters$/);
      const [, body = ''] = (await part('getValue', '.result').textContent())?.split('\n\n') ?? [];
      expect(body.length).toBe(triedCharsMax);
    },
    testMs,
  );

  it.each(['light', 'dark'] as const)(
    'has no serious flaw of access that axe-core finds, %s',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      // What is not a matter of colour is the same in both.
      const options = {
        resultTypes: ['violations'],
        ...(colorScheme === 'dark' ? { runOnly: ['color-contrast'] } : {}),
      };
      expect(await seriousFlaws(page, options)).toEqual([]);
    },
    testMs,
  );

  it(
    'fits a phone: nothing is wider than the screen, and the list of operations closes when one is chosen',
    async () => {
      await page.setViewportSize(narrow);
      await page.reload();
      await page.locator('.copy:visible').first().waitFor();
      const index = page.getByRole('navigation', { name: 'Operations' });
      await index.getByText('Operations').click();
      await index.getByRole('link', { name: 'Watch a key' }).click();
      await page.locator('.index details:not([open])').waitFor({ state: 'attached' });
      expect(new URL(page.url()).hash).toBe('#watch');
      for (const details of await page.locator('details').all()) {
        await details.evaluate((element) => ((element as HTMLDetailsElement).open = true));
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(narrow.width);
      await page.setViewportSize(wide);
    },
    testMs,
  );

  it(
    'can be read without its script',
    async () => {
      const plain = await browser.newContext({ javaScriptEnabled: false });
      const still = await plain.newPage();
      await still.goto(`${url}/docs#putValue`);
      expect(await still.locator('#putValue h3').textContent()).toBe('Write a value');
      expect(await still.locator('.copy:visible, .try:visible').count()).toBe(0);
      await plain.close();
    },
    testMs,
  );

  it('never wrote an error to the console, and called nobody but its node', () => {
    expect([watched.errors, watched.strays]).toEqual([[], []]);
  });
});
