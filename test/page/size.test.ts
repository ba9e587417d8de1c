import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../dist/page/', import.meta.url);
const gzippedBytesMax = 400 * 1_024;

describe('The page', () => {
  it('is small: all its files together, packed, stay below 400 KiB', async () => {
    const names = await readdir(folder);
    const files = await Promise.all(names.map((name) => readFile(new URL(name, folder))));
    const size = files.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0);
    expect(names.length).toBeGreaterThan(3);
    expect(size).toBeLessThan(gzippedBytesMax);
  });

  it('names no address but its own, and holds no style or script of its own in the document', async () => {
    const html = await readFile(new URL('index.html', folder), 'utf8');
    expect(html).not.toMatch(/https?:\/\/|<style|\sstyle=|\son\w+=|<script>/);
    for (const [, path] of html.matchAll(/(?:href|src)="([^"]+)"/g)) {
      expect(path).toMatch(/^\/debug\/assets\/\w+-\w+\.\w+$/);
    }
  });
});
