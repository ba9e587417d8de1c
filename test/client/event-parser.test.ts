import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EventParser } from '../../src/client/event-parser.ts';

const stream =
  ': connected\nid: 1\n\nid: 2\nevent: put\ndata: {"a":\ndata: 1}\n\n: still here\nid: 3\n\ndata:x\nretry: 5\n\n';
const events = [
  { type: 'message', data: '', id: '1' },
  { type: 'put', data: '{"a":\n1}', id: '2' },
  { type: 'message', data: '', id: '3' },
  { type: 'message', data: 'x', id: undefined },
];

it.each([
  ['line feeds', stream],
  ['carriage returns and line feeds', stream.replaceAll('\n', '\r\n')],
])('finds the events between %s, wherever the stream is cut', (_, text) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 10 }), (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), text.length];
      const parser = new EventParser();
      const found = ends.flatMap((end, i) => parser.push(text.slice(ends[i - 1] ?? 0, end)));
      expect(found).toEqual(events);
    }),
  );
});

it('gives up an event that has no end', () => {
  const parser = new EventParser();
  const lines = 'data: a\n'.repeat(1_000);
  expect(parser.push(lines)).toEqual([]);
  expect(() => parser.push('data: a\n')).toThrow('KVS_BAD_ANSWER');
});

it('gives up a line that has no end', () => {
  const parser = new EventParser();
  const piece = 'a'.repeat(1_048_576);
  for (let i = 0; i < 128; i++) parser.push(piece);
  expect(() => parser.push('a')).toThrow('KVS_BAD_ANSWER');
});
