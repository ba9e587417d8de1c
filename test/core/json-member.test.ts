import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberRange, memberText, objectTexts } from '../../src/core/json-member.ts';

/** JSON with what could mislead a reader of its text: quotes, backslashes and brackets in names and strings, spaces. */
const value = fc.jsonValue({
  maxDepth: 4,
  stringUnit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', 'a', 'ü'),
});
const indents = fc.constantFrom(undefined, 1, '\t');

describe('The text of a member', () => {
  it('is that of the last one of this name, whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'value', '"', '\\value'), value)),
        indents,
        (members, indent) => {
          const texts = members.map(
            ([name, each]) => `${JSON.stringify(name)}: ${JSON.stringify(each, null, indent)}`,
          );
          const text = memberText(` { ${texts.join(' , ')} } `, 'value');
          const last = members.findLast(([name]) => name === 'value');
          expect(text).toBe(last === undefined ? undefined : JSON.stringify(last[1], null, indent));
        },
      ),
    );
  });
});

describe('The place of a member', () => {
  it('is looked for in the first object from the start on, and in nothing that follows it', () => {
    const objects = ['{"value":1}', ' {"other":2} ', '{ }', '{"value":{"value":3}}'];
    const others = ['"value":4}', '"value":{', ' "x":["', '[5]'];
    const found = objects.map((object) =>
      others.map((other) => {
        const range = memberRange(`{"value":0}\n${object}\n${other}`, 'value', 11);
        return range && object.slice(range.from - 12, range.to - 12);
      }),
    );
    expect(found).toEqual(['1', undefined, undefined, '{"value":3}'].map((text) => others.map(() => text)));
  });
});

describe('The texts of the objects of an array', () => {
  it('are all of them, as they stand there', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), value)), indents, (objects, indent) => {
        const texts = objects.map((each) => JSON.stringify(each, null, indent));
        expect([...objectTexts(` [ ${texts.join(' ,\n ')} ] `)]).toEqual(texts);
      }),
    );
  });
});
