import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { rawRequest, startApp } from './harness.ts';

/** A reader of /debug/events on a socket of its own. */
class EventReader {
  readonly socket: Socket;
  /** All that came, with the head and the framing of chunks. */
  received = '';

  constructor(port: number, lastEventId?: string) {
    const resume = lastEventId === undefined ? '' : `Last-Event-ID: ${lastEventId}\r\n`;
    this.socket = connect(port, '127.0.0.1', () =>
      this.socket.write(`GET /debug/events HTTP/1.1\r\nHost: localhost\r\n${resume}\r\n`),
    );
    this.socket.setEncoding('utf8');
    this.socket.on('data', (text: string) => (this.received += text));
    this.socket.on('error', () => undefined);
    onTestFinished(() => void this.socket.destroy());
  }

  static async open(port: number, lastEventId?: string): Promise<EventReader> {
    const reader = new EventReader(port, lastEventId);
    await reader.until(': connected');
    return reader;
  }

  async until(text: string): Promise<void> {
    let from = 0;
    while (this.received.indexOf(text, from) < 0) {
      from = Math.max(this.received.length - text.length, 0);
      await once(this.socket, 'data');
    }
  }

  ids(): string[] {
    return [...this.received.matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id);
  }

  numbers(): number[] {
    return this.ids().map((id) => Number(id.split('-')[1]));
  }

  gaps(): unknown[] {
    return [...this.received.matchAll(/^event: gap\ndata: (.*)$/gm)].map(
      ([, data = '']) => JSON.parse(data) as unknown,
    );
  }
}

describe('A reader of /debug/events', () => {
  it('gets each transition with its id', async () => {
    const { server, inspector } = await startApp();
    const reader = await EventReader.open(server.port);
    expect(reader.received).toMatch(/content-type: text\/event-stream/i);
    inspector.emit('running');
    await reader.until('"to":"running"');
    expect(reader.received).toMatch(/id: \w+-1\nevent: transition\ndata: \{"id":1,.*"to":"running"\}\n\n/);
  });

  it('gets so many at once, and the others a moment later', async () => {
    const { server, inspector } = await startApp();
    const reader = await EventReader.open(server.port);
    for (let i = 1; i <= 501; i++) inspector.emit('x');
    await reader.until('"id":501,');
    const chunks = reader.received.split(/^[0-9a-f]+\r\n/m);
    const counts = chunks.map((chunk) => chunk.match(/^event: transition$/gm)?.length ?? 0);
    expect(counts.filter((count) => count > 0)).toEqual([500, 1]);
  });

  it('goes on after the last event that it had, without a gap and without getting one twice', async () => {
    const { server, inspector } = await startApp();
    const first = await EventReader.open(server.port);
    for (const state of ['a', 'b', 'c']) inspector.emit(state);
    await first.until('"to":"c"');
    first.socket.destroy();
    const other = await EventReader.open(server.port);
    for (const state of ['d', 'e']) inspector.emit(state);
    // The others still wait for these two.
    const resumed = await EventReader.open(server.port, first.ids()[0]);
    inspector.emit('f');
    await Promise.all([resumed.until('"to":"f"'), other.until('"to":"f"')]);
    expect([resumed.numbers(), resumed.gaps()]).toEqual([[2, 3, 4, 5, 6], []]);
    expect([other.numbers(), other.gaps()]).toEqual([[4, 5, 6], []]);
  });

  it('is told how many events in between are not remembered any more', async () => {
    const { server, inspector } = await startApp();
    const first = await EventReader.open(server.port);
    inspector.emit('a');
    await first.until('"to":"a"');
    for (const state of ['b', 'c', 'd', 'e']) inspector.emit(state);
    inspector.remembered = 2;
    const resumed = await EventReader.open(server.port, first.ids()[0]);
    await resumed.until('"to":"e"');
    expect([resumed.gaps(), resumed.numbers()]).toEqual([[{ dropped: 2 }], [4, 5]]);
  });

  it('that knew an earlier life of the node is told so, and gets all of this one', async () => {
    const { server, inspector } = await startApp();
    for (const state of ['a', 'b', 'c']) inspector.emit(state);
    // In that life the same numbers meant other transitions.
    const reader = await EventReader.open(server.port, 'a1b2c3d4-2');
    await reader.until('"to":"c"');
    expect([reader.gaps(), reader.numbers()]).toEqual([[{ dropped: null }], [1, 2, 3]]);
  });

  it('gets all that is remembered, without a gap, when it asks from the beginning', async () => {
    const { server, inspector } = await startApp();
    for (const state of ['a', 'b', 'c']) inspector.emit(state);
    inspector.remembered = 2;
    const reader = await EventReader.open(server.port, '0');
    await reader.until('"to":"c"');
    expect([reader.gaps(), reader.numbers()]).toEqual([[], [2, 3]]);
  });

  it('may name a transition of this life by its number', async () => {
    const { server, inspector } = await startApp();
    for (const state of ['a', 'b', 'c']) inspector.emit(state);
    const reader = await EventReader.open(server.port, '2');
    await reader.until('"to":"c"');
    expect([reader.gaps(), reader.numbers()]).toEqual([[], [3]]);
    const lost = await EventReader.open(server.port, '99');
    await lost.until('event: gap');
    expect([lost.gaps(), lost.numbers()]).toEqual([[{ dropped: null }], []]);
  });

  it('is refused with an id that never was one', async () => {
    const { server } = await startApp();
    for (const id of ['x', '1.5', '-1', 'a-b', `a-${'9'.repeat(20)}`]) {
      const refused = await rawRequest(server.port, 'GET /debug/events', [`Last-Event-ID: ${id}`]);
      expect(refused).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    }
  });

  it('that is too slow loses events, is told how many, and gets what comes then', async () => {
    const { server, inspector } = await startApp();
    const reader = await EventReader.open(server.port);
    const emitted = 20_000;
    // Nobody can read before this is over.
    for (let i = 1; i < emitted; i++) inspector.emit('x');
    await reader.until('"id":1,');
    inspector.emit('last');
    await reader.until('"to":"last"');
    const [gap] = reader.gaps() as { dropped: number }[];
    expect(reader.gaps()).toHaveLength(1);
    expect(reader.received.length).toBeLessThan(2 * limits.debugBufferBytesMax);
    expect(reader.numbers().length + (gap?.dropped ?? 0)).toBe(emitted);
  });

  it('takes nothing from another one by being slow', async () => {
    const { server, inspector } = await startApp();
    const slow = await EventReader.open(server.port);
    slow.socket.pause();
    const quick = await EventReader.open(server.port);
    const rounds = 40;
    for (let round = 1; round <= rounds; round++) {
      for (let i = 1; i < 500; i++) inspector.emit('x');
      inspector.emit(`round-${round}`);
      await quick.until(`"to":"round-${round}"`);
    }
    expect([quick.gaps(), quick.numbers().length]).toEqual([[], 500 * rounds]);
  });

  it('gets the last transitions and a proper end when the node stops', async () => {
    const { server, inspector, closing } = await startApp();
    const reader = await EventReader.open(server.port);
    inspector.emit('stopped');
    closing.abort();
    const ended = once(reader.socket, 'close');
    await server.close(60_000);
    await ended;
    expect(reader.received).toMatch(/"to":"stopped"\}\n\n\r\n0\r\n\r\n$/);
  });

  it('that takes nothing does not keep the node from stopping', async () => {
    const { server, inspector, closing } = await startApp();
    const reader = await EventReader.open(server.port);
    reader.socket.pause();
    // More than all buffers between the two can hold.
    for (let batch = 0; batch < 80; batch++) {
      for (let i = 0; i < 1_000; i++) inspector.emit('x'.repeat(100));
      await new Promise(setImmediate);
    }
    closing.abort();
    // Far longer than this test may take.
    await server.close(600_000);
  });

  it('that comes while the node stops gets an end at once', async () => {
    const { app, closing } = await startApp({ debugAccess: 'on' });
    closing.abort();
    const answer = await app.request('/debug/events');
    expect(await answer.text()).toBe(': connected\n\n');
  });

  it('hears from time to time that a quiet stream is there', async () => {
    const { server } = await startApp({ heartbeatMs: 5 });
    const reader = await EventReader.open(server.port);
    await reader.until(': still here');
  });

  it('costs nothing any more when it is gone', async () => {
    const { server, inspector } = await startApp();
    expect(inspector.listeners.size).toBe(0);
    const readers = [await EventReader.open(server.port), await EventReader.open(server.port)];
    expect(inspector.listeners.size).toBe(1);
    for (const { socket } of readers) socket.destroy();
    while (inspector.listeners.size > 0) await new Promise(setImmediate);
  });

  it('finds its place taken when there are too many', async () => {
    const { server } = await startApp();
    const readers = [];
    for (let i = 0; i < limits.debugReadersMax; i++) readers.push(await EventReader.open(server.port));
    expect(await rawRequest(server.port, 'GET /debug/events')).toMatchObject({
      status: 503,
      code: 'KVS_OVERLOADED',
    });
    readers[0]?.socket.destroy();
    for (;;) {
      const next = new EventReader(server.port);
      await once(next.socket, 'data');
      if (next.received.startsWith('HTTP/1.1 200')) break;
    }
  });

  it('takes no place by asking for the head alone', async () => {
    const { server, inspector } = await startApp();
    for (let i = 0; i <= limits.debugReadersMax; i++) {
      expect((await rawRequest(server.port, 'HEAD /debug/events')).status).toBe(200);
    }
    expect(inspector.listeners.size).toBe(0);
    await EventReader.open(server.port);
  });
});
