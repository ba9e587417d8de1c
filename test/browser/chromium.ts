import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Debian's; another one is named by the environment variable KVS_CHROMIUM. */
const executable = process.env['KVS_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why the tests of the page can't run here; undefined when they can. */
export const missingBrowser = existsSync(executable)
  ? undefined
  : `There is no Chromium at ${executable}: install Debian's package chromium, or name one with KVS_CHROMIUM`;

// A skipped test says nothing by itself.
if (missingBrowser !== undefined) process.stderr.write(`Skipped: the tests of the page. ${missingBrowser}\n`);

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable,
    // As root Chromium has no sandbox; the others keep it from calling home.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}

/** What went wrong in a page, and whom it called. */
export interface Watch {
  /** What it wrote to its console as an error, and what it threw. */
  readonly errors: string[];
  /** Requests to anybody but the node. */
  readonly strays: string[];
}

/** Watches a page that belongs to the node at `url`. */
export function watch(page: Page, url: string): Watch {
  const watched: Watch = { errors: [], strays: [] };
  page.on('console', (message) => {
    if (message.type() === 'error') watched.errors.push(message.text());
  });
  page.on('pageerror', (error) => watched.errors.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) watched.strays.push(request.url());
  });
  return watched;
}
