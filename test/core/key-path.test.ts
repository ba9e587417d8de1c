import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { parseEncodedPath, parsePath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import { keyPaths } from './arbitraries.ts';

describe('a key path', () => {
  it.each([
    'a',
    'users/john/profile',
    '_ts:1/x',
    '!',
    'a:b',
    '::',
    '...',
    '.hidden',
    'ü/🧦',
    'a b',
    "it's(1)*~$&+,;=@",
  ])('may be %s', (path) => {
    expect(parsePath(path)).toBe(path);
    expect(parseEncodedPath(path.split('/').map(encodeURIComponent).join('/'))).toBe(path);
  });

  it.each([
    ['', 'empty'],
    ['/a', 'segments must not be empty'],
    ['a/', 'segments must not be empty'],
    ['a//b', 'segments must not be empty'],
    ['.', 'not allowed as segments'],
    ['a/../b', 'not allowed as segments'],
    ['..', 'not allowed as segments'],
    ['a/./b', 'not allowed as segments'],
    [':', 'reserved'],
    ['a/:', 'reserved'],
    ['a\u0000b', 'control characters'],
    ['a\nb', 'control characters'],
    ['a\u007f', 'control characters'],
    ['a\u0085', 'control characters'],
    ['a\ud800', 'half a surrogate pair'],
    ['x'.repeat(limits.pathBytesMax + 1), 'longer than 1024 bytes'],
    ['ü'.repeat(limits.pathBytesMax / 2) + 'x', 'longer than 1024 bytes'],
  ])('may not be %j', (path, reason) => {
    expect(() => parsePath(path)).toThrow(reason);
    expect(() => parsePath(path)).toThrow(KvsError);
  });

  it('may be exactly as long as the limit, in bytes', () => {
    expect(parsePath('x'.repeat(limits.pathBytesMax))).toHaveLength(limits.pathBytesMax);
    expect(parseEncodedPath('%C3%BC'.repeat(limits.pathBytesMax / 2))).toBe(
      'ü'.repeat(limits.pathBytesMax / 2),
    );
    expect(() => parseEncodedPath('x'.repeat(limits.pathBytesMax + 1))).toThrow('longer than');
  });
});

describe('an encoded path', () => {
  it.each([
    ['a%2Fb', '%2F is not allowed'],
    ['a%2fb', '%2F is not allowed'],
    ['%zz', 'not valid percent-encoded'],
    ['a%', 'not valid percent-encoded'],
    ['%ff', 'not valid percent-encoded'],
    ['%C3', 'not valid percent-encoded'],
    ['%ED%A0%80', 'not valid percent-encoded'],
    ['a%00', 'control characters'],
    ['%2e%2e/a', 'not allowed as segments'],
    ['a/%2E', 'not allowed as segments'],
    ['a/%3A', 'reserved'],
    ['a//b', 'segments must not be empty'],
    ['', 'empty'],
  ])('may not be %j', (encoded, reason) => {
    expect(() => parseEncodedPath(encoded)).toThrow(reason);
  });

  it('decodes once, so a literal percent sign stays one', () => {
    expect(parseEncodedPath('100%25')).toBe('100%');
    expect(parseEncodedPath('%252F')).toBe('%2F');
  });

  it('gives back every valid path that was encoded segment by segment', () => {
    fc.assert(
      fc.property(keyPaths, (path) => {
        expect(parsePath(path)).toBe(path);
        expect(parseEncodedPath(path.split('/').map(encodeURIComponent).join('/'))).toBe(path);
      }),
    );
  });

  it('agrees with the decoded check for any text, and throws nothing but KVS_BAD_PATH', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'a/.:%2eF'.split('')) })),
        (text) => {
          try {
            const path = parseEncodedPath(text);
            expect(parsePath(decodeURIComponent(text))).toBe(path);
          } catch (error) {
            expect(error).toMatchObject({ code: 'KVS_BAD_PATH' });
          }
        },
      ),
    );
  });
});
