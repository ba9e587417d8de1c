import { describe, expect, it } from 'vitest';
import { Trace, type TraceField } from './trace.ts';

function hashOf(...events: readonly (readonly [string, ...TraceField[]])[]): string {
  const trace = new Trace({ elapsedMs: () => 1.5 });
  for (const [kind, ...fields] of events) trace.record(kind, ...fields);
  return trace.hash;
}

describe('a trace', () => {
  it('has the same hash for the same events, in every release', () => {
    const events = [['a', 1, 'x', true, new Uint8Array([1, 2])], ['b']] as const;
    expect(hashOf(...events)).toBe(hashOf(...events));
    expect(hashOf(...events)).toBe('b03d80af3599cdcb8d6a6e796bed142e');
  });

  it('has another hash when anything is different', () => {
    const hashes = [
      hashOf(),
      hashOf(['a']),
      hashOf(['a'], ['a']),
      hashOf(['a', 'a']),
      hashOf(['aa']),
      hashOf(['a', 1]),
      hashOf(['a', 1.25]),
      hashOf(['a', '1']),
      hashOf(['a', new Uint8Array([1])]),
      hashOf(['a', new Uint8Array([2])]),
      hashOf(['a', 1, 2]),
      hashOf(['a', 2, 1]),
      hashOf(['a', 'é']),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    const later = new Trace({ elapsedMs: () => 2 });
    later.record('a');
    expect(later.hash).not.toBe(hashOf(['a']));
  });

  it('remembers the first of very many events, and is not changed by being read', () => {
    const fill = (first: string, isRead: boolean) => {
      const trace = new Trace({ elapsedMs: () => 0 });
      trace.record(first);
      for (let at = 0; at < 10_000; at++) {
        trace.record('event', at, 'é'.repeat(at % 30));
        if (isRead && at % 500 === 0) expect(trace.hash).toHaveLength(32);
      }
      trace.record('large', new Uint8Array(100_000).fill(7));
      trace.record('after');
      return trace.hash;
    };
    expect(fill('a', true)).toBe(fill('a', false));
    expect(fill('a', false)).not.toBe(fill('b', false));
  });

  it('tells each event as a line, with the number of bytes in place of the bytes', () => {
    const lines: string[] = [];
    const trace = new Trace({ elapsedMs: () => 1_234.5, onLine: (line) => lines.push(line) });
    trace.record('message.delivered', 'a', 'b', new Uint8Array(3));
    expect(lines).toEqual(['    1234.500 ms  message.delivered  a  b  3 bytes']);
    expect(trace.events).toBe(1);
  });
});
