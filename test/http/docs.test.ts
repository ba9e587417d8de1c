import { describe, expect, it, onTestFinished } from 'vitest';
import { failures } from '../../src/http/api/failures.ts';
import type { Operation } from '../../src/http/api/operation.ts';
import { docsPage } from '../../src/http/api/page.ts';
import { runNode } from '../running-node.ts';
import { printedBy } from '../shell-line.ts';
import { operations } from '../../src/http/api/operations.ts';
import { makeApp } from './harness.ts';

const html = docsPage({ script: 'docs-1.js', style: 'docs-style-1.css', icon: 'icon-1.svg' });

/** The text that a reader sees of a part of the page. */
const textOf = (part: string) =>
  part
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');

const articleOf = ({ id }: Operation) =>
  new RegExp(`<article class="panel operation" id="${id}"[^]*?</article>`).exec(html)?.[0] ?? '';

/** There is nobody to be forgotten, and no version with a uuid that was made up. */
const expectedFailures: Readonly<Record<string, RegExp>> = {
  forgetMember: /KVS_MEMBER_NOT_FOUND/,
  getRevision: /KVS_REVISION_NOT_FOUND/,
  restoreRevision: /KVS_REVISION_NOT_FOUND/,
};

describe('/docs', () => {
  it('has every operation, with its call, its parameters, answers and failures, and a line for a shell', () => {
    for (const operation of operations) {
      const text = textOf(articleOf(operation));
      const { method, paths, title, curl, parameters = [], answers, failures: codes } = operation;
      const expected = [
        title,
        curl,
        ...paths.map((path) => `${method.toUpperCase()} ${path}`),
        ...parameters.map(({ name }) => name),
        ...Object.keys(answers),
        ...codes,
      ];
      expect({ title, missing: expected.filter((part) => !text.includes(part)) }).toEqual({
        title,
        missing: [],
      });
    }
  });

  it('says of every code when it comes', () => {
    for (const [code, { when }] of Object.entries(failures)) {
      expect(textOf(html)).toContain(`${code}${when.replaceAll('`', '')}`);
    }
  });

  it('has a target for each of its links, once', () => {
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    const targets = [...html.matchAll(/\s(?:href="#|for=")([^"]+)"/g)].map(([, id]) => id);
    expect(targets.length).toBeGreaterThan(200);
    expect(targets.filter((id) => !ids.includes(id))).toEqual([]);
  });

  it('loads nothing but what the node itself has, and holds no script or style', async () => {
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script>/);
    const loaded = [...html.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, address]) => address);
    expect(new Set(loaded)).toEqual(
      new Set([
        'docs/icon-1.svg',
        'docs/docs-style-1.css',
        'docs/docs-1.js',
        'docs',
        'openapi.json',
        'debug/',
      ]),
    );
    const { app, close } = await makeApp();
    onTestFinished(close);
    const served = await app.request('/docs');
    expect([served.status, served.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(served.headers.get('Cache-Control')).toBe('no-cache');
    const policy = served.headers.get('Content-Security-Policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    const moved = await app.request('/docs/');
    expect([moved.status, moved.headers.get('Location')]).toEqual([308, '../docs']);
  });

  it('gives nothing of the page under /debug, which may be closed', async () => {
    const { url } = await runNode({ debug: 'off' });
    const page = await (await fetch(`${url}/docs`)).text();
    const [, script = ''] = /src="([^"]+)"/.exec(page) ?? [];
    expect((await fetch(`${url}/${script}`)).status).toBe(200);
    for (const name of ['index.html', 'none', '..%2Findex.html'])
      expect((await fetch(`${url}/docs/${name}`)).status).toBe(404);
  });

  it('shows lines that work as they stand', async () => {
    const { url } = await runNode();
    for (const { id, curl, isInternal } of operations) {
      if (isInternal === true) continue;
      await fetch(`${url}/kv/users/john/profile`, { method: 'PUT', body: '1' });
      const printed = await printedBy(curl, url);
      const expected = expectedFailures[id] ?? /^(?!\{"type":"about:blank")/;
      expect({ id, printed }).toEqual({ id, printed: expect.stringMatching(expected) as string });
    }
  });
});
