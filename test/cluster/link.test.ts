import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Link } from './link.ts';

/** Sends back what it gets, and the end after it; remembers everything. */
class Echo {
  readonly server: Server;
  received = '';
  readonly sockets: Socket[] = [];

  constructor() {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => (this.received += chunk.toString()));
      socket.pipe(socket);
    }).listen(0, '127.0.0.1');
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
}

let echo: Echo;
let link: Link;
const clients: Socket[] = [];

beforeEach(async () => {
  echo = new Echo();
  await once(echo.server, 'listening');
  link = await Link.open(echo.port);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await link.close();
  for (const socket of echo.sockets) socket.destroy();
  echo.server.close();
});

function begin(port: number, localAddress = '127.0.0.1'): Socket {
  const client = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function call(port = link.port, localAddress?: string): Promise<Socket> {
  const client = begin(port, localAddress);
  await once(client, 'connect');
  return client;
}

/** Sends `words` and waits until exactly they came back. */
async function ask(client: Socket, words: string): Promise<void> {
  client.write(words);
  expect(await read(client, words.length)).toBe(words);
}

async function read(client: Socket, length: number): Promise<string> {
  let answer = '';
  while (answer.length < length) {
    const [chunk] = (await once(client, 'data')) as [Buffer];
    answer += chunk.toString();
  }
  return answer;
}

/** How a connection was ended: the code of its error, or `end`. */
async function ending(client: Socket): Promise<string> {
  client.resume();
  return new Promise((resolve) => {
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    client.once('end', () => resolve('end'));
  });
}

/** Gives anything that is under way ample time to arrive: as much as many round trips around the link take. */
async function roundTrips(count = 20): Promise<void> {
  const direct = await call(echo.port);
  for (let i = 0; i < count; i++) await ask(direct, 'x');
  direct.end();
}

describe('A link', () => {
  it('carries both directions, counts them, and passes the end of one on before that of the other', async () => {
    const client = await call();
    const answer = text(client);
    client.write('hello, ');
    client.end('world');
    expect(await answer).toBe('hello, world');
    expect([link.bytesToTarget, link.bytesFromTarget]).toEqual([12, 12]);
    client.destroy();
  });

  it('carries more than it holds, and loses nothing', async () => {
    const bytes = 16 * 1_048_576;
    const client = await call();
    const sent = new Promise((resolve) => client.end(Buffer.alloc(bytes, 'a'), () => resolve(true)));
    await once(echo.server, 'connection');
    let received = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) received += chunk.length;
    expect(await sent).toBe(true);
    expect([received, link.bytesFromTarget]).toEqual([bytes, bytes]);
  });

  it('stops reading when it holds back too much', async () => {
    link.delayMs = 3_600_000;
    const client = await call();
    let isSent = false;
    client.write(Buffer.alloc(32 * 1_048_576), () => (isSent = true));
    await roundTrips(500);
    expect(isSent).toBe(false);
  });

  it('passes a reset on', async () => {
    const client = await call();
    await ask(client, 'a');
    const end = ending(client);
    echo.sockets[0]?.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
  });

  it.each([
    ['leads nowhere yet', () => undefined],
    ['leads to a port where nobody listens', () => echo.port],
  ])('resets a connection when it %s', async (_title, target) => {
    const port = target();
    await new Promise((resolve) => echo.server.close(resolve));
    link.targetPort = port;
    expect(await ending(begin(link.port))).toBe('ECONNRESET');
    expect(link.connections).toBe(0);
  });

  it('delays each direction, and keeps the order when the delay becomes less', async () => {
    const client = await call();
    link.delayMs = 40;
    client.write('a');
    await roundTrips();
    link.delayMs = 0;
    client.write('b');
    expect(await read(client, 2)).toBe('ab');

    const startedAt = performance.now();
    link.delayMs = 40;
    await ask(client, 'c');
    // Timers may be early by the fraction of a millisecond that they round away.
    expect(performance.now() - startedAt).toBeGreaterThan(78);
  });

  it('resets what is open when it closes, and what it was delaying is lost', async () => {
    const client = await call();
    await ask(client, 'a');
    link.delayMs = 3_600_000;
    client.write('b');
    const end = ending(client);
    await link.close();
    expect(await end).toBe('ECONNRESET');
    expect(echo.received).toBe('a');
    link = await Link.open(echo.port);
  });
});

describe('A link that is cut by refusal', () => {
  it('resets both sides of what is open, and whoever calls, until it is mended', async () => {
    const client = await call();
    await ask(client, 'a');
    const ends = Promise.all([ending(client), ...echo.sockets.map(ending)]);
    link.cut('refuse');
    expect(await ends).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(await ending(begin(link.port))).toBe('ECONNRESET');
    link.mend();
    await ask(await call(), 'b');
    expect(echo.received).toBe('ab');
  });
});

describe('A link that is cut in silence', () => {
  it('takes what is sent, on old connections and new ones, and passes it when it is mended', async () => {
    const old = await call();
    await ask(old, 'a');
    link.cut('silent');
    old.write('b');
    const fresh = await call();
    fresh.write('c');
    await roundTrips();
    expect([echo.received.replaceAll('x', ''), link.bytesToTarget]).toEqual(['a', 1]);
    link.mend();
    expect(await Promise.all([read(old, 1), read(fresh, 1)])).toEqual(['b', 'c']);
  });

  it.each(['end', 'resetAndDestroy'] as const)(
    'does not tell that the other side is gone by %s',
    async (way) => {
      const client = await call();
      await ask(client, 'a');
      let hasEnded = false;
      const server = echo.sockets[0];
      for (const event of ['end', 'close']) server?.once(event, () => (hasEnded = true));
      link.cut('silent');
      client[way]();
      await roundTrips();
      expect(hasEnded).toBe(false);
      const ended = new Promise((resolve) => server?.once('close', resolve));
      link.mend();
      await ended;
      expect(hasEnded).toBe(true);
    },
  );

  it('can be cut by refusal after all', async () => {
    link.cut('silent');
    const client = await call();
    const end = ending(client);
    link.cut('refuse');
    expect(await end).toBe('ECONNRESET');
  });
});

describe('A link that is cut for one source', () => {
  it('stays whole for the others', async () => {
    const [near, far] = [await call(link.port, '127.0.0.2'), await call(link.port, '127.0.0.3')];
    await Promise.all([ask(near, 'a'), ask(far, 'a')]);
    const end = ending(far);
    link.cut('refuse', '127.0.0.3');
    expect(await end).toBe('ECONNRESET');
    expect(await ending(begin(link.port, '127.0.0.3'))).toBe('ECONNRESET');
    await ask(near, 'b');
    link.mend('127.0.0.3');
    await ask(await call(link.port, '127.0.0.3'), 'c');
  });
});
