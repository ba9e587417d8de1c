import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetch } from 'undici';
import { limits } from '../../src/core/limits.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { makeApp, serve, type HttpUnderTest } from './harness.ts';

let under: HttpUnderTest;
let server: HttpServer;
let url = '';
beforeEach(async () => {
  under = await makeApp();
  server = await serve(under.app);
  url = `http://127.0.0.1:${server.port}/kv/key`;
});
afterEach(async () => {
  await server.close(0);
  await under.close();
});

async function put(body: Uint8Array, contentType: string): Promise<number> {
  const answer = await fetch(url, { method: 'PUT', body, headers: { 'Content-Type': contentType } });
  await answer.arrayBuffer();
  return answer.status;
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

describe('a value of any type', () => {
  it.each([
    ['bytes', 'application/octet-stream', everyByte],
    ['text in an encoding that is not UTF-8', 'text/plain; charset=iso-8859-1', Buffer.from([0xe9, 0xff])],
    ['text with a quoted parameter', 'text/plain;charset="utf-8"; format=flowed', Buffer.from('grüß\r\n')],
    ['what is called JSON, and is none', 'application/json5', Buffer.from('{a: 1}')],
    ['lines of JSON', 'application/x-ndjson', Buffer.from('{"a":1}\n{"a":2}\n')],
    [
      'a form with a file',
      'multipart/form-data; boundary="--x"',
      Buffer.from('----x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\0\r\n----x--\r\n'),
    ],
    ['a picture', 'image/png', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['what calls itself compressed', 'application/gzip', Buffer.from('1f8b0800', 'hex')],
    ['a type without a slash', 'nonsense', Buffer.from('x')],
    ['a type that only begins as JSON', 'application/jsonx', Buffer.from('{')],
    ['nothing', 'text/plain', new Uint8Array(0)],
    ['nothing, of a type of its own', 'application/x-empty', new Uint8Array(0)],
  ])('comes back byte for byte and with its type: %s', async (_, contentType, body) => {
    expect(await put(body, contentType)).toBe(201);
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(url, { method });
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': contentType,
        'content-length': String(body.length),
        'x-content-type-options': 'nosniff',
      });
      const received = new Uint8Array(await answer.arrayBuffer());
      expect(received).toEqual(method === 'GET' ? Uint8Array.from(body) : new Uint8Array(0));
    }
  });

  it('comes back byte for byte, whatever the bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1_024 }), async (body) => {
        await put(body, 'application/octet-stream');
        const answer = await fetch(url);
        expect(new Uint8Array(await answer.arrayBuffer())).toEqual(Uint8Array.from(body));
      }),
      { numRuns: 30 },
    );
  });

  it('may have a type of exactly the longest length', async () => {
    const contentType = `text/plain; x=${'y'.repeat(limits.contentTypeBytesMax - 14)}`;
    expect(await put(everyByte, contentType)).toBe(201);
    expect((await fetch(url, { method: 'HEAD' })).headers.get('Content-Type')).toBe(contentType);
  });

  it('takes the type of the update, whatever it was before', async () => {
    await put(Buffer.from('{}'), 'application/json');
    expect(await put(everyByte, 'application/octet-stream')).toBe(200);
    const answer = await fetch(url);
    expect(answer.headers.get('Content-Type')).toBe('application/octet-stream');
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(everyByte);
  });

  it.each(['application/json', 'application/problem+json; charset=utf-8', 'Application/JSON'])(
    'must not be empty when its type is %s',
    async (contentType) => {
      expect(await put(new Uint8Array(0), contentType)).toBe(400);
    },
  );
});
