import { describe, expect, it } from 'vitest';
import type { EventPosition } from '../../src/core/key-events.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import { WatchEvent } from '../../src/http/watch/watch-event.ts';
import { isTarget, Watcher, type EventSource, type WatchAnswer } from '../../src/http/watch/watcher.ts';

function at(sequence: number): EventPosition {
  return { sequence, entries: 0, expiredMs: 1, expiredPath: undefined };
}

function eventOf(sequence: number): WatchEvent {
  const event = { kind: 'delete', path: 'k'.repeat(1_000) as KeyPath, uuid: 'u', timestamp: 1 } as const;
  return WatchEvent.of(event, String(sequence));
}

/** A watcher, an answer that is full when it is told, and a source whose log has an event at each sequence. */
function watch() {
  const answer = { isFull: false, sent: [] as string[] };
  const source = { sequence: 0, joined: 0, reads: [] as string[] };
  const sink: WatchAnswer = {
    get isFull() {
      return answer.isFull;
    },
    send: (events) => answer.sent.push(...events.map(({ id }) => id)),
    begin: () => undefined,
    beat: () => undefined,
    end: () => undefined,
    cut: () => undefined,
  };
  const events: EventSource = {
    get position() {
      return at(source.sequence);
    },
    settling: () => undefined,
    join: () => source.joined++,
    leave: () => source.joined--,
    read: (position, until) => {
      source.reads.push(`${position.sequence}-${until.sequence}`);
      const event = { kind: 'delete', path: 'k' as KeyPath, uuid: 'u', timestamp: 1 } as const;
      const after = at(position.sequence + 1);
      return Promise.resolve({ events: [{ event, after }], position: after });
    },
    idOf: ({ sequence }) => String(sequence),
    eventsOf: ({ events: told }) =>
      told.map(({ event, after }) => WatchEvent.of(event, String(after.sequence))),
    reset: () => WatchEvent.reset('', ''),
    onFailure: (error) => {
      throw error;
    },
  };
  const watcher = new Watcher(events, { target: '', from: at(0), answer: sink });
  watcher.start();
  const commit = () => {
    const before = at(source.sequence);
    const after = at(source.sequence + 1);
    if (source.joined > 0) watcher.offer(eventOf(after.sequence), before, after);
    source.sequence++;
  };
  /** More than can wait. */
  const overflow = () => {
    for (let bytes = 0; bytes <= 2 * limits.watchBufferBytesMax; bytes += eventOf(1).bytes.length) commit();
    expect(source.joined).toBe(0);
  };
  return { answer, source, watcher, commit, overflow };
}

describe('A watcher whose reader takes nothing', () => {
  it('lets so many bytes wait, then drops them and reads them again when the reader goes on', async () => {
    const { answer, source, watcher, commit } = watch();
    commit();
    watcher.flush();
    expect(answer.sent).toEqual(['1']);
    // What happens to other keys it is not offered.
    source.sequence = 6;
    answer.isFull = true;
    const fitting = Math.floor(limits.watchBufferBytesMax / eventOf(2).bytes.length);
    for (let i = 0; i < fitting; i++) commit();
    expect(source.joined).toBe(1);
    commit();
    expect(source.joined).toBe(0);
    for (let i = 0; i < 10; i++) commit();
    await new Promise(setImmediate);
    watcher.flush();
    // It reads nothing that could not be sent.
    expect([answer.sent, source.reads]).toEqual([['1'], []]);
    answer.isFull = false;
    watcher.resume();
    while (source.joined === 0) await new Promise(setImmediate);
    commit();
    watcher.flush();
    await new Promise(setImmediate);
    expect(source.reads[0]).toBe(`6-${source.sequence - 1}`);
    const missed = Array.from({ length: source.sequence - 6 }, (_, i) => String(i + 7));
    expect(answer.sent).toEqual(['1', ...missed]);
  });

  it('lets a single event wait that is larger than that', () => {
    const { answer, source, watcher } = watch();
    answer.isFull = true;
    const event = { kind: 'put', path: 'k' as KeyPath } as const;
    const version = { uuid: 'u', timestamp: 1, counter: 0, votes: 0, origin: '', originJoined: 0 };
    const data = new Uint8Array(limits.watchBufferBytesMax);
    const rest = { deleted: false, expiresAt: undefined, contentType: 'x/y', data };
    watcher.offer(WatchEvent.of({ ...event, version: { ...version, ...rest } }, '1'), at(0), at(1));
    source.sequence = 1;
    answer.isFull = false;
    watcher.resume();
    expect(answer.sent).toEqual(['1']);
  });

  it('that is full again while it joins loses nothing either', async () => {
    const { answer, source, watcher, commit, overflow } = watch();
    answer.isFull = true;
    overflow();
    answer.isFull = false;
    watcher.resume();
    // More than can wait comes while it reads the rest.
    for (let i = 0; i < 3; i++) {
      while (source.joined === 0) await new Promise(setImmediate);
      answer.isFull = true;
      overflow();
      answer.isFull = false;
      watcher.resume();
    }
    while (source.joined === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    commit();
    watcher.flush();
    expect(answer.sent).toEqual(Array.from({ length: source.sequence }, (_, i) => String(i + 1)));
  });
});

describe('A target', () => {
  it('is a path, or what all paths below a prefix begin with', () => {
    const paths = ['a', 'a/b', 'a-b', 'ab'] as KeyPath[];
    const meant = (target: string) => paths.filter((path) => isTarget(target, path));
    expect([meant(''), meant('a'), meant('a/'), meant('b/')]).toEqual([paths, ['a'], ['a/b'], []]);
  });
});
