import { describe, expect, it } from 'vitest';
import type { ChildAnswer, LinkAnswer, MemberAnswer } from '../../src/page/model/answers.ts';
import { ago, bytes, duration } from '../../src/page/model/format.ts';
import { closed, grown, pathsAbove, rowsOf, type Levels } from '../../src/page/model/key-tree.ts';
import { ringPlaces } from '../../src/page/model/ring.ts';
import { shownValue } from '../../src/page/model/shown-value.ts';
import { byTrouble, troubleOf } from '../../src/page/model/trouble.ts';

function child(path: string, hasChildren = false): ChildAnswer {
  return { path, name: path.slice(path.lastIndexOf('/') + 1), has_children: hasChildren, version: null };
}

describe('The tree of the keys', () => {
  const levels: Levels = new Map([
    ['', { children: [child('a', true), child('b', true)], next: 'n1' }],
    ['a', { children: [child('a/x', true)], next: null }],
    ['a/x', { children: [child('a/x/y')], next: 'n2' }],
  ]);
  const lines = (shown: Levels) =>
    rowsOf(shown).map(
      (row) => `${row.depth} ${row.kind === 'child' ? row.child.path : `more of ${row.parent}`}`,
    );

  it('shows what is open, line by line, and where there is more', () => {
    expect(lines(levels)).toEqual(['0 a', '1 a/x', '2 a/x/y', '2 more of a/x', '0 b', '0 more of ']);
  });

  it('closes a level with all below it, and no other one', () => {
    expect(lines(closed(levels, 'a'))).toEqual(['0 a', '0 b', '0 more of ']);
  });

  it('grows page by page, and is begun anew by a first page', () => {
    const page = { children: [child('c')], next: null };
    expect(lines(grown(closed(levels, 'a'), '', page, false))).toEqual(['0 a', '0 b', '0 c']);
    expect(lines(grown(levels, '', page, true))).toEqual(['0 c']);
  });

  it('knows the levels above a key', () => {
    expect(pathsAbove('a/b/c')).toEqual(['a', 'a/b']);
    expect(pathsAbove('a')).toEqual([]);
  });
});

describe('A value', () => {
  const shown = (text: string, type: string) => shownValue(new TextEncoder().encode(text), type);

  it('is set out in lines when it is JSON, and says so', () => {
    expect(shown('{"a":[1, 2]}', 'application/json')).toEqual({
      text: '{\n  "a": [\n    1,\n    2\n  ]\n}',
      note: 'set out in lines; stored as it was sent',
    });
    expect(shown('{"a":1}', 'text/plain').text).toBe('{"a":1}');
  });

  it.each(['{"a":12345678901234567890}', '{"a":1.0}', '{"a":1,"a":2}'])(
    'is left as it is where JSON would change it: %s',
    (text) => {
      expect(shown(text, 'application/json').text).toBe(text);
    },
  );

  it('is shown by its bytes when it is not text, and cut when it is long', () => {
    const { text, note } = shownValue(new Uint8Array([0xff, 0, 0x41]), 'image/png');
    expect([text, note]).toEqual(['0000  ff 00 41', '3 bytes that are not text']);
    const long = shown('x'.repeat(200_000), 'text/plain');
    expect([long.text.length, long.note]).toEqual([100_000, 'cut after 100000 characters']);
  });
});

const wellLink: LinkAnswer = {
  failures: 0,
  failing_since: null,
  error: null,
  round_trip_ms: 1,
  waiting: 0,
  lag_ms: 0,
};

function member(
  id: string,
  state: MemberAnswer['state'],
  link: Partial<LinkAnswer> | null = {},
): MemberAnswer {
  return {
    id,
    address: 'h:1',
    state,
    last_seen: 1,
    joined_timestamp: 1,
    incarnation: 0,
    link: link === null ? null : { ...wellLink, ...link },
  };
}

describe('The members', () => {
  it('are told by the worst that is known of them', () => {
    expect(troubleOf(member('a', 'alive'))).toBe('none');
    expect(troubleOf(member('a', 'alive', { failures: 2, lag_ms: 5_000 }))).toBe('failing');
    expect(troubleOf(member('a', 'alive', { lag_ms: 5_000 }))).toBe('behind');
    expect(troubleOf(member('a', 'dead', { failures: 2 }))).toBe('dead');
  });

  it('stand in the order of their trouble, the node itself before all', () => {
    const members = [
      member('m10', 'alive'),
      member('m9', 'alive'),
      member('gone', 'left'),
      member('late', 'alive', { lag_ms: 9_000 }),
      member('dead', 'dead'),
      member('self', 'alive', null),
      member('cut', 'alive', { failures: 1 }),
    ];
    expect(byTrouble(members).map(({ id }) => id)).toEqual([
      'self',
      'cut',
      'dead',
      'late',
      'm9',
      'm10',
      'gone',
    ]);
  });

  it.each([1, 2, 3, 14, 200, 999])('stand apart from each other around the node: %d of them', (count) => {
    const places = ringPlaces(count, { firstRadius: 62, ringGap: 22, spacing: 20 });
    expect(places).toHaveLength(count);
    let least = Infinity;
    places.forEach((a, index) => {
      for (const b of places.slice(index + 1)) least = Math.min(least, Math.hypot(a.x - b.x, a.y - b.y));
    });
    expect(least).toBeGreaterThan(15);
  });
});

describe('Figures', () => {
  it.each([
    [0.25, '0.3 ms'],
    [250, '250 ms'],
    [1_500, '1.5 s'],
    [61_000, '1 min 1 s'],
    [7_200_000, '2 h'],
    [90_000_000, '1 d 1 h'],
  ])('tell %d ms as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('tell how long ago something was in whole seconds', () => {
    expect([ago(300), ago(1_900), ago(75_000)]).toEqual(['now', '1 s ago', '1 min 15 s ago']);
  });

  it('tell sizes by powers of 1,024', () => {
    expect([bytes(1_023), bytes(1_536), bytes(50 * 1_048_576)]).toEqual(['1023 B', '1.5 KiB', '50 MiB']);
  });
});
