import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePath } from '../../src/core/key-path.ts';
import { keyOfPath, pathOfKey } from '../../src/drivers/keyv-path.ts';

const unit = fc.oneof(
  fc.constantFrom(':', '/', '.', '~', '\0', '\u0085', '\ud800', '0', '002e', 'ü', '😀'),
  fc.string({ unit: 'binary', maxLength: 1 }),
);

describe('the path of a key of Keyv', () => {
  it('is a valid path, and stands for the key alone', () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 20 }), (key) => {
        const path = pathOfKey(key);
        expect(parsePath(path)).toBe(path);
        expect(keyOfPath(path)).toBe(key);
      }),
    );
  });

  it.each([
    ['users:ann', 'users/ann'],
    ['a/b', 'a~002fb'],
    ['', '~'],
    [':', '~/~'],
    ['a::.', 'a/~/~002e'],
    ['..', '~002e.'],
    ['~', '~007e'],
  ])('of %j is %s', (key, path) => {
    expect(pathOfKey(key)).toBe(path);
  });

  it.each(['a~b', 'a~0061', '~002E', 'a~', 'a:b'])('is never %s', (path) => {
    expect(keyOfPath(path)).toBeUndefined();
  });
});
