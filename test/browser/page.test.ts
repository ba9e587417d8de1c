import { readFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../node-process.ts';
import { seriousFlaws } from './axe.ts';
import { missingBrowser, openBrowser, watch, type Watch } from './chromium.ts';
import { HurriedNodes } from './hurried-nodes.ts';
import { makeRivals } from './rivals.ts';

/** Only a wait in vain takes this long: the nodes and the browser share the machine with other tests. */
const deadlineMs = 90_000;
const testMs = 120_000;

const views = [
  '',
  'actors/failure-detector',
  'timeline',
  'conflicts',
  'keys/users%2Fjohn%2Fprofile',
  'charts',
];
const wide = { width: 1280, height: 800 };
const tall = { width: 1280, height: 1190 };
const narrow = { width: 390, height: 844 };

/** The pictures of the README; where nobody asks for them they go into a folder that is removed. */
const picturesFolder =
  process.env['KVS_PICTURES'] === undefined
    ? undefined
    : fileURLToPath(new URL('../../docs/pictures/', import.meta.url));

describe.skipIf(missingBrowser !== undefined)('The page, on three nodes', () => {
  let nodes: HurriedNodes;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let watched: Watch;
  let url = '';
  let pictures: { readonly path: string; remove(): Promise<void> };

  const go = (hash: string) => page.goto(`${url}/debug/#/${hash}`);
  const see = (locator: Locator) => locator.first().waitFor({ timeout: deadlineMs });
  const lit = (actor: string, state: string) =>
    page.locator(`[data-actor="${actor}"] .state.lit[data-path="${state}"]`);
  const row = (member: string) => page.locator(`.members tr[data-member="${member}"]`);
  const press = (key: string) => page.keyboard.press(key);
  const take = async (name: string) => {
    await page.screenshot({ path: join(pictures.path, `${name}.png`), animations: 'allow' });
  };

  beforeAll(async () => {
    pictures =
      picturesFolder === undefined
        ? await temporaryFolder()
        : { path: picturesFolder, remove: () => Promise.resolve() };
    await mkdir(pictures.path, { recursive: true });
    nodes = await HurriedNodes.prepare(['node1', 'node2', 'node3']);
    await nodes.node(1).start();
    url = nodes.node(1).url;
    browser = await openBrowser();
    context = await browser.newContext({ viewport: wide, colorScheme: 'light' });
    page = await context.newPage();
    page.setDefaultTimeout(deadlineMs);
    watched = watch(page, url);
  }, testMs);

  afterAll(async () => {
    await browser.close();
    await nodes.close();
    await pictures.remove();
  }, testMs);

  it(
    'shows the node that serves it, with each of its actors and the state that it is in',
    async () => {
      await go('');
      await see(page.getByRole('status').filter({ hasText: 'live' }));
      const actors = (await nodes.node(1).json('/debug/actors')) as { id: string }[];
      const top = actors.map(({ id }) => id).filter((id) => !id.includes('.'));
      await expect
        .poll(() => page.locator('.card .card-title').allTextContents(), { timeout: deadlineMs })
        .toEqual(top);
      await see(lit('node', 'running'));
      await see(lit('mode-controller', 'normal'));
      await see(lit('bootstrapper', 'done'));
      await recordStates(page);
    },
    testMs,
  );

  it(
    'shows members join, and every actor that has something to do change its state',
    async () => {
      await Promise.all([nodes.node(2).start(), nodes.node(3).start()]);
      await see(row('node2').filter({ hasText: 'alive' }));
      await see(row('node3').filter({ hasText: 'alive' }));
      await see(page.locator('.tile', { hasText: '3 of 3' }));
      await expect.poll(() => changedActors(page), { timeout: deadlineMs }).not.toEqual([]);
      // A state that is shorter than a frame is never lit; the timeline has it.
      for (const actor of ['gossiper', 'failure-detector', 'syncer', 'collector']) {
        await go(`timeline/${actor}`);
        const rows = page.locator('.row', { has: page.getByRole('link', { name: actor, exact: true }) });
        await see(rows.locator('.outcome:not(.same)'));
      }
    },
    testMs,
  );

  it(
    'shows a conflict as it is found and decided, with the votes',
    async () => {
      await go('actors/conflict-resolver');
      await see(page.locator('.statechart .state.lit[data-path=idle]'));
      const key = await makeRivals(nodes.node(1), nodes.node(2));
      // The way that led to the present state.
      await see(page.locator('.edge-label.taken', { hasText: 'vote done' }));
      await go('timeline/conflict-resolver');
      for (const state of ['gathering', 'voting', 'idle']) {
        await see(page.locator('.row .outcome', { hasText: state }));
      }
      await press('4');
      const decision = page.locator('.decision', { hasText: key });
      await see(decision);
      expect(await decision.textContent()).toMatch(/The version of node[12] stays/);
      expect(await decision.locator('.tally li').count()).toBe(2);
      expect(await decision.locator('.winner .votes').textContent()).toMatch(/^[123] votes?$/);
    },
    testMs,
  );

  it(
    'shows a member that is killed: its link fails, it is given up, and what is to be pushed to it waits',
    async () => {
      await writeSomeKeys(nodes);
      await go('actors/replicator.pusher-node3');
      await see(page.locator('.statechart .state.lit[data-path=empty]'));
      await nodes.node(3).kill9();
      const writing = keepWriting(nodes);
      try {
        await see(page.locator('.statechart .state.lit[data-path=pausing]'));
        await go('');
        await see(row('node3').locator('.bad', { hasText: 'failing' }));
      } finally {
        await writing();
      }
      await see(row('node3').filter({ hasText: 'dead' }));
      expect(await page.locator('.cluster-map .link.dead').count()).toBe(1);
      expect(await page.locator('.tile.warn', { hasText: 'Members alive' }).textContent()).toContain(
        '2 of 3',
      );
    },
    testMs,
  );

  it(
    'shows it come back',
    async () => {
      await nodes.node(3).start();
      await see(row('node3').filter({ hasText: 'alive' }));
      await see(page.locator('.tile', { hasText: '3 of 3' }));
      expect([watched.errors, watched.strays]).toEqual([[], []]);
    },
    testMs,
  );

  it(
    'says when its own node is gone, and shows the new life of it from the beginning',
    async () => {
      await nodes.node(1).kill9();
      await see(page.getByRole('status').filter({ hasText: 'not connected' }));
      await see(page.getByRole('alert').filter({ hasText: 'does not answer' }));
      await nodes.node(1).start({ port: Number(new URL(url).port) });
      await see(page.getByRole('status').filter({ hasText: /^live$/ }));
      await see(lit('node', 'running'));
      await see(lit('replicator', 'active'));
      await expect.poll(() => page.getByRole('alert').count(), { timeout: deadlineMs }).toBe(0);
      // What could not be fetched meanwhile is an error to the browser.
      watched.errors.length = 0;
      const begun = [
        ['node', 'running'],
        ['mode-controller', 'normal'],
        ['gossiper', 'waiting'],
        ['failure-detector', 'probing'],
        ['syncer', 'idle'],
        ['bootstrapper', 'done'],
        ['conflict-resolver', 'idle'],
        ['collector', 'collecting'],
      ] as const;
      for (const [actor, state] of begun) {
        await go(`timeline/${actor}`);
        await see(page.locator('.row .outcome', { hasText: state }));
      }
    },
    testMs,
  );

  it(
    'walks through the keys, down to a value, with where it came from',
    async () => {
      await nodes.node(2).put('users/john/profile', { name: 'John Doe', age: 30 });
      await expect.poll(() => nodes.node(1).get('users/john/profile'), { timeout: deadlineMs }).toBeDefined();
      await nodes.node(1).del('config/shop/old');
      await go('keys');
      const name = (path: string) => page.locator(`.tree-name[data-path="${path}"]`);
      await name('users').click();
      await name('users/john').click();
      await name('users/john/profile').click();
      const panel = page.locator('.key-panel');
      await see(panel.locator('dd', { hasText: 'node2' }));
      expect(await panel.textContent()).not.toContain('John Doe');
      await panel.getByRole('button', { name: 'Show the value' }).click();
      await see(panel.locator('pre', { hasText: '"name": "John Doe"' }));
      await go('keys/config%2Fshop%2Fold');
      await see(panel.locator('.state-word.deleted'));
      await see(page.locator('.tree-line.deleted', { hasText: 'old' }));
    },
    testMs,
  );

  it(
    'goes through the tree by the keys of the keyboard',
    async () => {
      await go('keys');
      const focused = () => page.evaluate(() => (document.activeElement as HTMLElement).dataset['path']);
      const name = (path: string) => page.locator(`.tree-name[data-path="${path}"]`);
      await name('users').focus();
      if ((await name('users/john').count()) > 0) {
        await press('ArrowLeft');
        await expect.poll(() => name('users/john').count(), { timeout: deadlineMs }).toBe(0);
      }
      await press('ArrowRight');
      await see(name('users/john'));
      await press('ArrowDown');
      expect(await focused()).toBe('users/john');
      await press('ArrowLeft');
      expect(await focused()).toBe('users');
      await press('ArrowUp');
      expect(await focused()).toBe('test');
    },
    testMs,
  );

  it(
    'filters the timeline and pauses it, by the keyboard as well',
    async () => {
      await go('');
      await press('3');
      await see(page.locator('.timeline .row'));
      await press('/');
      await page.keyboard.type('probe done');
      await expect
        .poll(() => page.locator('.row code').allTextContents(), { timeout: deadlineMs })
        .toSatisfy(
          (events: string[]) => events.length > 0 && events.every((event) => event === 'probe done'),
        );
      await page.getByLabel('Actor', { exact: true }).selectOption('syncer');
      await see(page.getByText('Nothing passes this filter'));
      await page.getByRole('searchbox').fill('');
      await expect
        .poll(() => page.locator('.row a').allTextContents(), { timeout: deadlineMs })
        .toSatisfy((actors: string[]) => actors.length > 0 && actors.every((actor) => actor === 'syncer'));
      await page.getByRole('heading', { name: 'Timeline' }).click({ force: true });
      await page.getByRole('searchbox').blur();
      await press('p');
      await see(page.getByRole('button', { name: 'Go on' }));
      const times = () => page.locator('.row time').allTextContents();
      const before = await times();
      await see(page.locator('.paused', { hasText: /paused, [1-9]\d* came since/ }));
      expect(await times()).toEqual(before);
      await press('p');
      await expect.poll(async () => (await times())[0], { timeout: deadlineMs }).not.toBe(before[0]);
    },
    testMs,
  );

  it(
    'can be used with the keyboard alone',
    async () => {
      await go('');
      await page.reload();
      await see(page.locator('.card'));
      await press('Tab');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
      await press('Enter');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
      await press('?');
      await see(page.getByRole('dialog'));
      await press('Escape');
      await expect.poll(() => page.getByRole('dialog').count(), { timeout: deadlineMs }).toBe(0);
      await press('t');
      expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('light');
      await press('t');
      await expect
        .poll(() => page.evaluate(() => getComputedStyle(document.body).backgroundColor), {
          timeout: deadlineMs,
        })
        .toBe('rgb(13, 18, 24)');
      await press('t');
    },
    testMs,
  );

  it(
    'keeps the words of a chart within their boxes, as this browser draws them',
    async () => {
      for (const actor of ['gossiper', 'node', 'syncer', 'replicator.pusher-node2']) {
        await go(`actors/${actor}`);
        await see(page.locator('.actor-head h2', { hasText: actor }));
        await see(page.locator('.statechart .title'));
        expect(await page.evaluate(wordsBeyondTheirBoxes)).toEqual([]);
      }
    },
    testMs,
  );

  it.each(['light', 'dark'] as const)(
    'has no serious flaw of access that axe-core finds, %s',
    async (colorScheme) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      // What is not a matter of colour is the same in both.
      const options = {
        resultTypes: ['violations'],
        ...(colorScheme === 'dark' ? { runOnly: ['color-contrast'] } : {}),
      };
      for (const view of views) {
        await go(view);
        await see(page.locator('main .panel, main .tile'));
        expect({ view, violations: await seriousFlaws(page, options) }).toEqual({
          view,
          violations: [],
        });
      }
      await page.emulateMedia({ reducedMotion: 'no-preference' });
    },
    testMs,
  );

  it(
    'fits a phone: nothing is wider than the screen',
    async () => {
      await page.setViewportSize(narrow);
      for (const view of views) {
        await go(view);
        await see(page.locator('main .panel, main .tile'));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect({ view, width }).toEqual({ view, width: narrow.width });
      }
      await page.setViewportSize(wide);
    },
    testMs,
  );

  it(
    'has its picture taken, light and dark, wide and narrow',
    async () => {
      const writing = keepWriting(nodes);
      const pusher = 'actors/replicator.pusher-node2';
      const shots = [
        { name: 'overview-light', view: '', size: tall, colorScheme: 'light', sign: '.mini .edge.taken' },
        { name: 'overview-dark', view: '', size: tall, colorScheme: 'dark', sign: '.mini .edge.taken' },
        {
          name: 'actor-dark',
          view: 'actors/gossiper',
          size: wide,
          colorScheme: 'dark',
          sign: '.edge-label.taken',
        },
        { name: 'phone-light', view: pusher, size: narrow, colorScheme: 'light', sign: '.edge-label.taken' },
        { name: 'phone-dark', view: '', size: narrow, colorScheme: 'dark', sign: '.mini .edge.taken' },
      ] as const;
      try {
        await makeRivals(nodes.node(1), nodes.node(2));
        await go('');
        await see(
          page.locator('.tile', { hasText: 'Writes a second' }).filter({ hasText: /[1-9][\d.]* here/ }),
        );
        for (const { name, view, size, colorScheme, sign } of shots) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize(size);
          await go(view);
          // A straight line has no height, and with it no sight, as far as Playwright is concerned.
          await page.locator(sign).first().waitFor({ state: 'attached', timeout: deadlineMs });
          await take(name);
          const bytes = await readFile(join(pictures.path, `${name}.png`));
          expect(bytes.length).toBeLessThan(250_000);
        }
      } finally {
        await writing();
      }
    },
    testMs,
  );

  it('never wrote an error to the console, and called nobody but its node', () => {
    expect([watched.errors, watched.strays]).toEqual([[], []]);
  });
});

async function writeSomeKeys(nodes: HurriedNodes): Promise<void> {
  const keys = [
    'users/john/profile',
    'users/mary/profile',
    'config/shop/theme',
    'config/shop/old',
    'services/web/1',
  ];
  for (const key of keys) await nodes.node(1).put(key, { of: key });
}

/** Between two writes, ms. */
const writePauseMs = 20;

/** Writes until it is told to stop, so that there is something to push. */
function keepWriting(nodes: HurriedNodes): () => Promise<void> {
  const ending = new AbortController();
  const work = async (): Promise<void> => {
    for (let i = 0; !ending.signal.aborted; i++) {
      // Whether each of them succeeds is no matter: a busy disk may hold one up for longer than it waits.
      await nodes
        .node(1)
        .put(`services/counter/${i % 20}`, i)
        .catch(() => undefined);
      await pass(writePauseMs);
    }
  };
  const done = work();
  return () => {
    ending.abort();
    return done;
  };
}

/** Notes of each actor on the overview in which states it was seen lit, for as long as the page is there. */
async function recordStates(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: Record<string, string[]> = {};
    Object.assign(window, { seenStates: seen });
    const look = (): void => {
      for (const card of document.querySelectorAll('[data-actor]')) {
        const states = [...card.querySelectorAll('.state.lit')].map((state) =>
          state.getAttribute('data-path'),
        );
        const known = (seen[card.getAttribute('data-actor') ?? ''] ??= []);
        if (states.length > 0 && !known.includes(states.join())) known.push(states.join());
      }
    };
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      attributeFilter: ['class'],
      childList: true,
    });
    look();
  });
}

/** The actors that were seen in more than one state. */
async function changedActors(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { seenStates } = window as unknown as { seenStates: Record<string, string[]> };
    return Object.keys(seenStates).filter((actor) => (seenStates[actor]?.length ?? 0) > 1);
  });
}

function wordsBeyondTheirBoxes(): string[] {
  const beyond: string[] = [];
  for (const group of document.querySelectorAll('.statechart .state, .statechart .edge-label')) {
    const box = group.querySelector('rect')?.getBoundingClientRect();
    for (const text of group.querySelectorAll(':scope > text')) {
      const words = text.getBoundingClientRect();
      if (box === undefined || words.left < box.left - 1 || words.right > box.right + 1) {
        beyond.push(text.textContent ?? '');
      }
    }
  }
  return beyond;
}
