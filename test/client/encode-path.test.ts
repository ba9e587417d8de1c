import { expect, it } from 'vitest';
import fc from 'fast-check';
import { encodePath, encodePrefix } from '../../src/client/encode-path.ts';
import { parseEncodedPath, parsePath } from '../../src/core/key-path.ts';

const odd = fc.constantFrom(...'%2F?#&+=;:@. "<>\\^`{|}~'.split(''));
const paths = fc
  .array(
    fc.string({
      unit: fc.oneof(odd, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
      minLength: 1,
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((segments) => segments.join('/'))
  .filter(isPath);

function isPath(text: string): boolean {
  try {
    return parsePath(text) === text;
  } catch {
    return false;
  }
}

it('writes every path so that a node reads the same one, through the URL of a browser', () => {
  fc.assert(
    fc.property(paths, (path) => {
      const { pathname } = new URL(`http://node/kv/${encodePath(path)}?watch`);
      expect(parseEncodedPath(pathname.slice('/kv/'.length))).toBe(path);
    }),
  );
});

it.each([
  ['a b', 'a%20b'],
  ['100%', '100%25'],
  ['a%2Fb', 'a%252Fb'],
  ['what?', 'what%3F'],
  ['#1', '%231'],
  ['a+b&c=d', 'a%2Bb%26c%3Dd'],
  ['grüße/日本/🤖', 'gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC/%F0%9F%A4%96'],
])('writes %s as %s', (path, encoded) => {
  expect(encodePath(path)).toBe(encoded);
});

it.each(['', '/', 'a/', '/a', 'a//b', '.', 'a/../b', 'a/.', ':', 'a/:', 'a/\ud800'])(
  'refuses "%s", which would name something else, or nothing',
  (path) => {
    expect(() => encodePath(path)).toThrow(expect.objectContaining({ code: 'KVS_BAD_PATH', status: 400 }));
  },
);

it.each([
  ['', ''],
  ['/', ''],
  ['users', 'users/'],
  ['users/', 'users/'],
  ['a b/c/', 'a%20b/c/'],
])('takes "%s" for the prefix "%s"', (prefix, encoded) => {
  expect(encodePrefix(prefix)).toBe(encoded);
});

it.each(['//', 'a//', '../', 'a/../b/'])('refuses the prefix "%s"', (prefix) => {
  expect(() => encodePrefix(prefix)).toThrow('KVS_BAD_PATH');
});
