import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { KvsClient as Client } from '../../src/client/client.ts';
import { Link } from '../cluster/link.ts';
import { NodeProcess, temporaryFolder } from '../node-process.ts';
import { missingBrowser, openBrowser } from './chromium.ts';

const testMs = 120_000;

declare const KvsClient: typeof Client;

describe.skipIf(missingBrowser !== undefined)('The client in a browser', { timeout: testMs }, () => {
  let browser: Browser;
  let source = '';

  beforeAll(async () => {
    source = await readFile(new URL('../../dist/client.js', import.meta.url), 'utf8');
    browser = await openBrowser();
  }, testMs);
  afterAll(() => browser.close());

  /** The URL of a node, which runs until the test is finished. */
  async function runNode(): Promise<string> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const { node, url } = await NodeProcess.start(folder.path);
    onTestFinished(() => node.kill());
    return url;
  }

  /** A page of a node, with the client as it was built. */
  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(`${url}/health`);
    const script = `${source}\nglobalThis.KvsClient = KvsClient;`;
    await page.addScriptTag({ type: 'module', content: script });
    await page.waitForFunction(() => 'KvsClient' in globalThis);
    return page;
  }

  it('reads, writes and lists, and is not given what the browser has in its cache', async () => {
    const url = await runNode();
    const page = await open(url);
    const result = await page.evaluate(async () => {
      const client = new KvsClient(location.origin);
      const first = await client.put('a b/ü?#%', { n: 1 }, { ifNoneMatch: '*' });
      const before = await client.get('a b/ü?#%');
      await client.put('a b/ü?#%', { n: 2 }, { ifMatch: first.uuid });
      const after = await client.get('a b/ü?#%');
      await client.put('large', 'x'.repeat(100_000));
      const large = await client.get<string>('large');
      await client.putBytes('bytes', new Uint8Array([0, 255]));
      const bytes = await client.getBytes('bytes');
      const paths = [];
      for await (const { path } of client.list('', { recursive: true })) paths.push(path);
      return {
        values: [before?.value, after?.value],
        large: large?.value.length,
        bytes: [...(bytes?.value ?? [])],
        has: [(await client.has('large'))?.uuid === large?.uuid, await client.has('nothing')],
        paths,
        count: await client.count(''),
        deleted: [await client.delete('bytes'), await client.delete('bytes'), await client.deleteAll('')],
      };
    });
    expect(result).toEqual({
      values: [{ n: 1 }, { n: 2 }],
      large: 100_000,
      bytes: [0, 255],
      has: [true, undefined],
      paths: ['a b/ü?#%', 'bytes', 'large'],
      count: 3,
      deleted: [true, false, 2],
    });
  });

  it('sends batches in pieces, as browsers stream no requests over HTTP/1.1', async () => {
    const url = await runNode();
    const page = await open(url);
    const result = await page.evaluate(async () => {
      function* operations() {
        for (let i = 0; i < 5_000; i++)
          yield { op: 'put', path: `k${i}`, value: 'x'.repeat(i % 100) } as const;
        yield { op: 'put', path: 'large', value: 'x'.repeat(300_000) } as const;
        for (let i = 0; i < 20; i++) yield { op: 'get', path: 'large' } as const;
      }
      let [count, inOrder, length] = [0, true, 0];
      for await (const { line, status, value } of new KvsClient(location.origin, { timeoutMs: 60_000 }).batch(
        operations(),
      )) {
        inOrder &&= line === ++count && status === (line <= 5_001 ? 201 : 200);
        length = (value as string | undefined)?.length ?? 0;
      }
      return { count, inOrder, length };
    });
    expect(result).toEqual({ count: 5_021, inOrder: true, length: 300_000 });
  });

  it('watches, and goes on behind the last event after its connection broke', async () => {
    const url = await runNode();
    const link = await Link.open(Number(new URL(url).port));
    onTestFinished(() => link.close());
    const page = await open(`http://${link.address}`);
    const begun = await page.evaluate(async () => {
      const told: string[] = [];
      const watch = new KvsClient(location.origin).watch('');
      Object.assign(globalThis, { told });
      await watch.open();
      void (async () => {
        for await (const event of watch) told.push('path' in event ? event.path : event.event);
      })();
      return told.length;
    });
    expect(begun).toBe(0);
    const put = (path: string) => page.evaluate((name) => new KvsClient(location.origin).put(name, 1), path);
    const told = (...paths: string[]) =>
      page.waitForFunction(
        (expected) => JSON.stringify((globalThis as { told?: unknown }).told) === expected,
        JSON.stringify(paths),
      );
    await put('a');
    await told('a');
    link.cut('refuse');
    await fetch(`${url}/kv/b`, { method: 'PUT', body: '1' });
    link.mend();
    await put('c');
    await told('a', 'b', 'c');
  });

  it('does not reach a node of another origin, and says so', async () => {
    const [page, other] = [await open(await runNode()), await runNode()];
    const code = await page.evaluate(
      (url) =>
        new KvsClient(url, { retries: 0 }).get('a').then(
          () => 'an answer',
          (error: unknown) => (error as { code: string }).code,
        ),
      other,
    );
    expect(code).toBe('KVS_UNREACHABLE');
  });
});
