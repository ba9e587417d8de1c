import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WriteRequest } from '../../src/core/ports.ts';
import { GzipPacker, gzipLater } from '../../src/store/gzip-packer.ts';
import { del, path } from './harness.ts';
import { noise } from './noise.ts';

type Put = Extract<WriteRequest, { kind: 'put' }>;

const mebibyte = 1_024 * 1_024;

function putOf(data: Uint8Array, contentType = 'application/json'): Put {
  return { kind: 'put', path: path('k'), contentType, data, expiresAt: undefined };
}

/** What shrinks. */
function text(length: number): Buffer {
  return Buffer.alloc(length, '{"name":"value"},');
}

async function packed(packer: GzipPacker, request: Put): Promise<Put> {
  const [first] = await packer.pack([request]);
  if (first?.kind !== 'put') throw new Error('A put stays one');
  return first;
}

describe('a value that comes from a client', () => {
  it.each([
    ['just below the bound', 4_095, undefined],
    ['at the bound', 4_096, 'gzip'],
    ['at the longest that is compressed at once', 16_384, 'gzip'],
    ['one byte beyond that', 16_385, 'gzip'],
    ['a mebibyte', mebibyte, 'gzip'],
  ])('of a length %s is compressed from the bound on, and comes back', async (_, length, encoding) => {
    const request = putOf(text(length));
    const { data, ...rest } = await packed(new GzipPacker(4_096), request);
    expect(rest).toEqual({ kind: 'put', path: 'k', contentType: 'application/json', encoding });
    if (encoding === undefined) expect(data).toBe(request.data);
    else expect(gunzipSync(data).equals(request.data)).toBe(true);
  });

  it('up to a certain length does not wait, nor does what is asked for with it', () => {
    const packer = new GzipPacker(1);
    const small = [del('a'), putOf(text(16_384)), putOf(Buffer.from('1'))];
    expect(packer.pack(small)).toEqual([small[0], expect.objectContaining({ encoding: 'gzip' }), small[2]]);
    expect(packer.pack([putOf(text(16_385))])).toBeInstanceOf(Promise);
  });

  it('comes back as it was, whatever it is', async () => {
    const packer = new GzipPacker(1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(200), async (bytes, times) => {
        const data = Buffer.concat(Array.from({ length: times }, () => bytes));
        const stored = await packed(packer, putOf(data));
        const plain = stored.encoding === undefined ? stored.data : gunzipSync(stored.data);
        expect(Buffer.compare(plain, data)).toBe(0);
      }),
    );
  });

  it('stays as it is when that saves less than an eighth', async () => {
    const packer = new GzipPacker(1);
    for (const length of [10, 10_000, 100_000]) {
      const request = putOf(noise('packed', length));
      expect(await packed(packer, request)).toBe(request);
    }
    const halfNoise = putOf(Buffer.concat([noise('half', 5_000), text(5_000)]));
    expect((await packed(packer, halfNoise)).encoding).toBe('gzip');
  });

  it('keeps no more memory than its compressed form takes', async () => {
    for (const length of [10_000, 100_000]) {
      const { data } = await packed(new GzipPacker(1), putOf(text(length)));
      expect(data.buffer.byteLength).toBe(data.length);
    }
  });

  it.each([
    'image/png',
    'Image/JPEG; x=y',
    'video/mp4',
    'audio/ogg',
    'font/woff2',
    'application/zip',
    'application/gzip',
    'application/x-gzip; x',
    'application/zstd',
    'application/x-bzip2',
    'application/x-xz',
    'application/x-7z-compressed',
    'application/vnd.rar+zip',
    'application/java-archive',
  ])('of the type %s is never compressed', (contentType) => {
    const requests = [putOf(text(10_000), contentType)];
    expect(new GzipPacker(1).pack(requests)).toBe(requests);
  });

  it.each([
    'application/json',
    'text/plain; charset=utf-8',
    'image/svg+xml',
    'audio/wav',
    'application/octet-stream',
    'application/zipper',
    'application/vnd.zip-codes+json',
    'text/gzip',
    '',
  ])('of the type %j is compressed', (contentType) => {
    expect(new GzipPacker(1).pack([putOf(text(10_000), contentType)])).toEqual([
      expect.objectContaining({ encoding: 'gzip', contentType }),
    ]);
  });
});

describe('values that come faster than they can be compressed', () => {
  it('wait for one another, two at a time, up to so many bytes; beyond them they stay as they are', async () => {
    let atOnce = 0;
    let atOnceMax = 0;
    const packer = new GzipPacker(1, async (value, options) => {
      atOnceMax = Math.max(atOnceMax, ++atOnce);
      return gzipLater(value, options).finally(() => atOnce--);
    });
    const value = text(8 * mebibyte);
    const waiting = Array.from({ length: 8 }, () => packed(packer, putOf(value)));
    const request = putOf(text(16_385));
    expect(packer.pack([request])).toEqual([request]);
    for (const { encoding, data } of await Promise.all(waiting)) {
      expect([encoding, gunzipSync(data).length]).toEqual(['gzip', value.length]);
    }
    expect(atOnceMax).toBe(2);
    expect((await packed(packer, request)).encoding).toBe('gzip');
  });
});
