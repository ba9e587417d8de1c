import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { PeerClient } from '../../src/http/peer/peer-client.ts';
import { peerContentType, peerPath } from '../../src/http/peer/peer-endpoint.ts';
import { exchange, rawRequest, startApp } from './harness.ts';

/** Far beyond what anything here takes, for calls that are not about the deadline. */
const deadlineMs = 20_000;
const message = new Uint8Array([1, 2, 3, 0, 255]);

function makeClient(): PeerClient {
  const client = new PeerClient();
  onTestFinished(() => client.close());
  return client;
}

/** A node whose peers are answered by `answer`, and a client. */
async function startNode(answer: (message: Uint8Array) => Promise<Uint8Array> = async (sent) => sent) {
  const under = await startApp({ peers: { answer } });
  return { ...under, address: `127.0.0.1:${under.server.port}`, client: makeClient() };
}

/** Another server, that does what a peer should not; it counts who connects. */
async function startOther<T extends Server | HttpServer>(server: T) {
  const sockets = new Set<Socket>();
  const counts = { connections: 0, openMax: 0 };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    counts.connections += 1;
    counts.openMax = Math.max(counts.openMax, sockets.size);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { server, sockets, counts, port, address: `127.0.0.1:${port}`, client: makeClient() };
}

const startHttp = (listener: RequestListener) => startOther(createServer(listener));

/** A server that writes for each piece of a request what `answer` says; null ends the connection without a word. */
const startRaw = (answer: (socket: Socket, requests: number) => string | null) =>
  startOther(
    createTcpServer((socket) => {
      let requests = 0;
      socket.on('data', () => {
        const text = answer(socket, (requests += 1));
        if (text === null) socket.destroy();
        else socket.write(text);
      });
    }),
  );

const ok = (body: string, headers = '') =>
  `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

async function failureOf(call: Promise<unknown>): Promise<KvsError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KvsError))
    throw new Error('The call should have failed with a KvsError', { cause: error });
  return error;
}

/** All connections have ended, as the server sees it. */
async function allClosed(sockets: Iterable<Socket>): Promise<void> {
  await Promise.all(
    [...sockets].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
  );
}

describe('a message to a peer', () => {
  it('arrives as it was sent, and so does the reply', async () => {
    const received: Uint8Array[] = [];
    const { client, address } = await startNode(async (sent) => {
      received.push(sent);
      return new Uint8Array([9, 0, 9]);
    });
    expect([...(await client.send(address, message, { deadlineMs }))]).toEqual([9, 0, 9]);
    expect(received.map((bytes) => [...bytes])).toEqual([[...message]]);
  });

  it('may be empty, and the reply too', async () => {
    const { client, address } = await startNode();
    expect([...(await client.send(address, new Uint8Array(), { deadlineMs }))]).toEqual([]);
  });

  it('of many MiB arrives whole, and so does the reply', async () => {
    const { client, address } = await startNode();
    const large = Buffer.alloc(
      8 * 1024 * 1024,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    );
    const reply = await client.send(address, large, { deadlineMs });
    expect(large.equals(reply)).toBe(true);
  });

  it('goes to IPv6 addresses in brackets', async () => {
    const { client, server } = await startNode();
    const address = `[::ffff:127.0.0.1]:${server.port}`;
    expect([...(await client.send(address, message, { deadlineMs }))]).toEqual([...message]);
  });

  it('is taken without a socket as well', async () => {
    const { app } = await startNode();
    const headers = { 'Content-Type': peerContentType };
    const answer = await app.request(peerPath, { method: 'POST', body: message, headers });
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, peerContentType]);
    expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([...message]);
  });
});

describe('the route of peers', () => {
  it('allows nothing but POST', async () => {
    const { server, app } = await startNode();
    expect(await rawRequest(server.port, `GET ${peerPath}`)).toMatchObject({
      status: 405,
      code: 'KVS_METHOD_NOT_ALLOWED',
      head: expect.stringContaining('Allow: POST') as string,
    });
    expect((await app.request(peerPath, { method: 'PUT' })).status).toBe(405);
    expect((await rawRequest(server.port, `OPTIONS ${peerPath}`)).head).toContain('Allow: POST');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', undefined])(
    'refuses what a page from elsewhere could send (%s)',
    async (type) => {
      const { server } = await startNode(() => expect.unreachable('it was not refused'));
      const headers = [...(type === undefined ? [] : [`Content-Type: ${type}`]), 'Content-Length: 1'];
      const answer = await rawRequest(server.port, `POST ${peerPath}`, headers, 'x');
      expect(answer).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    },
  );

  it('refuses a message beyond the bound', async () => {
    const { server, client, address } = await startNode(() => expect.unreachable('it was not refused'));
    const headers = [`Content-Type: ${peerContentType}`, `Content-Length: ${limits.messageBytesMax + 1}`];
    expect(await rawRequest(server.port, `POST ${peerPath}`, headers)).toMatchObject({
      status: 413,
      code: 'KVS_VALUE_TOO_LARGE',
    });
    const tooLarge = Buffer.alloc(limits.messageBytesMax + 1);
    const error = await failureOf(client.send(address, tooLarge, { deadlineMs }));
    expect(['KVS_PEER_FAILED', 'KVS_PEER_UNREACHABLE']).toContain(error.code);
  });

  it('bids who asks first to go on with a message larger than any value', async () => {
    const { server } = await startNode(async (sent) => sent.subarray(0, 1));
    const head = (length: number) =>
      `POST ${peerPath} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${peerContentType}\r\n` +
      `Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    expect(await exchange(server.port, head(5_000) + 'x'.repeat(5_000))).toMatch(
      /^HTTP\/1\.1 100 [^]*HTTP\/1\.1 200 /,
    );
    expect(await exchange(server.port, head(limits.messageBytesMax + 1))).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('says with its status why there is no reply', async () => {
    const failures = [new KvsError('KVS_NOT_READY', 'later'), new Error('broken')];
    const { server, logger } = await startNode(async () => {
      throw failures.shift() ?? new Error('unexpected');
    });
    const post = () =>
      rawRequest(
        server.port,
        `POST ${peerPath}`,
        [`Content-Type: ${peerContentType}`, 'Content-Length: 1'],
        'x',
      );
    expect(await post()).toMatchObject({ status: 503, code: 'KVS_NOT_READY' });
    expect(await post()).toMatchObject({ status: 500, code: 'KVS_INTERNAL' });
    expect(logger.lines.map(({ level }) => level)).toEqual(['error']);
  });
});

describe('a peer that can not be reached', () => {
  it.each(['127.0.0.1', 'localhost'])('is one that refuses connections (%s)', async (host) => {
    const { server, port, client } = await startHttp(() => undefined);
    const address = `${host}:${port}`;
    server.close();
    await once(server, 'close');
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED') as string,
      cause: { code: 'ECONNREFUSED' },
    });
    expect(error.message).toContain(address);
  });

  it.each([
    '',
    'name',
    'name:',
    'name:99999',
    '::1:8080',
    'a/b:80',
    'u@name:80',
    'name?x:80',
    'name#x:80',
    '[::x]:80',
  ])('is one whose address is none (%j)', async (address) => {
    const error = await failureOf(makeClient().send(address, message, { deadlineMs }));
    expect(error).toMatchObject({ code: 'KVS_PEER_UNREACHABLE' });
    expect(error.message).toContain(address);
  });

  it('is one that never answers, once the deadline has passed', async () => {
    const { address, client, sockets } = await startHttp(() => undefined);
    const error = await failureOf(client.send(address, message, { deadlineMs: 100 }));
    expect(error).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
      message: `${address} did not answer within 100 ms`,
    });
    await allClosed(sockets);
  });

  it('is one that answers byte by byte beyond the deadline', async () => {
    const { address, client, sockets } = await startHttp((_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': 100_000 });
      const drip = setInterval(() => outgoing.write('x'), 5);
      outgoing.on('close', () => clearInterval(drip));
    });
    const error = await failureOf(client.send(address, message, { deadlineMs: 200 }));
    expect(error).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
      message: expect.stringContaining('200 ms') as string,
    });
    await allClosed(sockets);
  });

  it('is one that takes no connection within the deadline', async () => {
    // Nobody accepts: the kernel takes two connections for it, and lets all further ones wait.
    const child = spawn(process.execPath, [
      '-e',
      `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
         require('fs').writeSync(1, String(server.address().port));
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       });`,
    ]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const [printed] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(printed);
    for (let count = 0; count < 2; count += 1) {
      const filler = connect(port, '127.0.0.1');
      onTestFinished(() => void filler.destroy());
      await once(filler, 'connect');
    }
    const client = makeClient();
    const calls = Array.from({ length: 20 }, () =>
      failureOf(client.send(`127.0.0.1:${port}`, message, { deadlineMs: 200 })),
    );
    for (const error of await Promise.all(calls)) expect(error.message).toContain('200 ms');
    await vi.waitFor(() => expect(process.getActiveResourcesInfo()).not.toContain('ConnectWrap'));
  });

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'],
    ['a length and an end', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf'],
    ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    [
      'chunks and an end',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    ],
    ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  ])('is one that hangs up in the middle of a reply with %s', async (_, half) => {
    const { address, client, counts } = await startRaw((socket) => {
      socket.end(half);
      return '';
    });
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({ code: 'KVS_PEER_UNREACHABLE', cause: expect.any(Error) as Error });
    expect(error.message).toContain(address);
    expect(counts.connections).toBe(1);
  });
});

describe('a peer has failed', () => {
  it.each([404, 500, 503, 204, 302])('when it answers with status %i', async (status) => {
    const { address, client, counts } = await startHttp((_, outgoing) => {
      outgoing.writeHead(status, { Location: '/elsewhere' }).end(status === 204 ? undefined : 'sorry');
    });
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({
      code: 'KVS_PEER_FAILED',
      message: `${address} answered with status ${status}`,
    });
    expect(counts.connections).toBe(1);
  });

  it('when it announces a reply beyond the bound, of which nothing is read', async () => {
    const { address, client } = await startHttp((_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Length': limits.messageBytesMax + 1 }).flushHeaders();
    });
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({
      code: 'KVS_PEER_FAILED',
      message: `${address} answered with more than ${limits.messageBytesMax} bytes`,
    });
  });

  it('when its reply goes on and on', async () => {
    const { address, client, sockets } = await startHttp((_, outgoing) => {
      const piece = Buffer.alloc(1024 * 1024);
      const goOn = () => {
        while (outgoing.writable && outgoing.write(piece));
      };
      outgoing.on('drain', goOn);
      goOn();
    });
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({ code: 'KVS_PEER_FAILED' });
    expect(error.message).toContain('more than');
    await allClosed(sockets);
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['endless headers', `HTTP/1.1 200 OK\r\n${`X: ${'x'.repeat(1_000)}\r\n`.repeat(100)}`],
  ])('when it speaks %s', async (_, text) => {
    const { address, client } = await startRaw(() => text);
    const error = await failureOf(client.send(address, message, { deadlineMs }));
    expect(error).toMatchObject({ code: 'KVS_PEER_FAILED', cause: expect.any(Error) as Error });
    expect(error.message).toContain(address);
  });
});

describe('connections to a peer', () => {
  it('are kept for the next message', async () => {
    const { address, client, counts } = await startHttp((_, outgoing) => outgoing.end('r'));
    for (let count = 0; count < 20; count += 1) await client.send(address, message, { deadlineMs });
    expect(counts.connections).toBe(1);
  });

  it('are bounded in number, and calls beyond wait their turn', async () => {
    const { address, client, counts } = await startHttp((incoming, outgoing) => {
      incoming.on('data', (chunk: Buffer) => setImmediate(() => outgoing.end(chunk)));
    });
    const calls = Array.from({ length: 200 }, async (_, index) => {
      const reply = await client.send(address, Uint8Array.of(index), { deadlineMs });
      expect([...reply]).toEqual([index]);
    });
    await Promise.all(calls);
    expect(counts).toEqual({ connections: limits.peerConnectionsMax, openMax: limits.peerConnectionsMax });
  });

  it('let a small message pass a reply that is slow to come', async () => {
    let finish = () => {};
    const { address, client } = await startHttp((incoming, outgoing) => {
      incoming.once('data', (chunk: Buffer) => {
        if (chunk[0] === 0) finish = () => outgoing.end('slow');
        else outgoing.end('quick');
      });
    });
    const slow = client.send(address, Uint8Array.of(0), { deadlineMs });
    expect(Buffer.from(await client.send(address, Uint8Array.of(1), { deadlineMs })).toString()).toBe(
      'quick',
    );
    finish();
    expect(Buffer.from(await slow).toString()).toBe('slow');
  });

  it('fail a call when too many wait already, and each that waits at its own deadline', async () => {
    const { address, client } = await startHttp(() => undefined);
    const hanging = Array.from({ length: limits.peerConnectionsMax }, () =>
      failureOf(client.send(address, message, { deadlineMs })),
    );
    const waiting = Array.from({ length: limits.peerCallsWaitingMax }, () =>
      failureOf(client.send(address, message, { deadlineMs: 300 })),
    );
    const refused = await failureOf(client.send(address, message, { deadlineMs }));
    expect(refused).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
      message: expect.stringContaining('wait') as string,
    });
    for (const error of await Promise.all(waiting)) expect(error.message).toContain('300 ms');
    await client.close();
    await Promise.all(hanging);
  });

  it('go to those that wait when a call has failed or timed out', async () => {
    const { address, client } = await startHttp((incoming, outgoing) => {
      incoming.once('data', ([byte]: Buffer) => {
        if (byte === 0) outgoing.writeHead(500).end();
        else if (byte === 2) outgoing.end('at last');
      });
    });
    const failing = Array.from({ length: limits.peerConnectionsMax }, (_, index) =>
      failureOf(client.send(address, Uint8Array.of(index % 2), { deadlineMs: 300 })),
    );
    const waiting = Array.from({ length: 20 }, () => client.send(address, Uint8Array.of(2), { deadlineMs }));
    await Promise.all(failing);
    for (const reply of await Promise.all(waiting)) expect(Buffer.from(reply).toString()).toBe('at last');
  });

  it('are made anew when the peer has closed the idle ones', async () => {
    const { address, client, sockets, counts } = await startHttp((_, outgoing) => outgoing.end('r'));
    for (let round = 1; round <= 3; round += 1) {
      await client.send(address, message, { deadlineMs });
      expect(counts.connections).toBe(round);
      for (const socket of sockets) socket.end();
      await allClosed(sockets);
    }
  });

  it('are made anew when the peer closes an idle one just as the message goes out', async () => {
    const { address, client, counts } = await startRaw((_, requests) => (requests === 1 ? ok('r') : null));
    for (let round = 1; round <= 5; round += 1) {
      expect(Buffer.from(await client.send(address, message, { deadlineMs })).toString()).toBe('r');
    }
    expect(counts.connections).toBe(5);
  });

  it('are not made anew when one ends in the middle of a reply', async () => {
    const { address, client, counts } = await startRaw((socket, requests) => {
      if (requests === 1) return ok('r');
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      return '';
    });
    await client.send(address, message, { deadlineMs });
    expect(await failureOf(client.send(address, message, { deadlineMs }))).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
    });
    expect(counts.connections).toBe(1);
  });

  it('are made anew once only for a message', async () => {
    let isFirst = true;
    const { address, client, counts } = await startRaw(() => {
      const answer = isFirst ? ok('r') : null;
      isFirst = false;
      return answer;
    });
    await client.send(address, message, { deadlineMs });
    expect(await failureOf(client.send(address, message, { deadlineMs }))).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
    });
    expect(counts.connections).toBe(2);
    expect(await failureOf(client.send(address, message, { deadlineMs }))).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
    });
    expect(counts.connections).toBe(3);
  });

  it('that are made anew are under the same deadline', async () => {
    const { address, client, counts } = await startRaw((_, requests) => {
      if (counts.connections > 1) return '';
      return requests === 1 ? ok('r') : null;
    });
    await client.send(address, message, { deadlineMs });
    const error = await failureOf(client.send(address, message, { deadlineMs: 200 }));
    expect(error.message).toContain('200 ms');
    expect(counts.connections).toBe(2);
  });

  it('that the peer ends after each reply are made anew for each message', async () => {
    const { address, client, counts } = await startHttp((_, outgoing) => {
      outgoing.writeHead(200, { Connection: 'close' }).end('r');
    });
    const calls = Array.from({ length: 50 }, () => client.send(address, message, { deadlineMs }));
    await Promise.all(calls);
    expect(counts.connections).toBe(50);
  });

  it('are closed when idle, before the peer does it', async () => {
    const { address, client, sockets } = await startRaw(() => ok('r', 'Keep-Alive: timeout=1\r\n'));
    await client.send(address, message, { deadlineMs });
    await allClosed(sockets);
  });

  describe('to more addresses than are kept', () => {
    const addressesMax = 3;

    async function startMany(answer: Parameters<typeof startRaw>[0]) {
      const { sockets, counts, port } = await startRaw(answer);
      const client = new PeerClient({ addressesMax });
      onTestFinished(() => client.close());
      // There are many ways to write one address.
      const sendTo = (number: number) =>
        client.send(`127.0.0.${'0'.repeat(number)}1:${port}`, message, { deadlineMs });
      return { client, sockets, counts, sendTo };
    }

    it('take the place of those to one that is not being called', async () => {
      const { client, sockets, counts, sendTo } = await startMany(() => ok('r'));
      await sendTo(0);
      const firstClosed = allClosed(sockets);
      for (let number = 1; number < addressesMax; number += 1) await sendTo(number);
      expect(sockets.size).toBe(addressesMax);
      // The one that had to go comes back while it is still being closed.
      await Promise.all([sendTo(addressesMax), sendTo(0)]);
      await firstClosed;
      await sendTo(0);
      expect(counts.connections).toBe(addressesMax + 2);
      const ended = allClosed(sockets);
      await client.close();
      await ended;
    });

    it('take no place while some have ended by themselves', async () => {
      const { sockets, counts, sendTo } = await startMany(() => ok('r'));
      for (let number = 0; number < addressesMax; number += 1) await sendTo(number);
      const [, second] = sockets;
      const ended = allClosed([second as Socket]);
      second?.end();
      await ended;
      await sendTo(addressesMax);
      await sendTo(0);
      expect(counts.connections).toBe(addressesMax + 1);
    });

    it('are refused while all others are being called', async () => {
      const { client, sendTo } = await startMany(() => '');
      const calls = Array.from({ length: addressesMax }, (_, number) => failureOf(sendTo(number)));
      expect(await failureOf(sendTo(addressesMax))).toMatchObject({
        code: 'KVS_PEER_UNREACHABLE',
        message: expect.stringContaining(`${addressesMax} other peers`) as string,
      });
      await client.close();
      await Promise.all(calls);
    });
  });
});

describe('closing', () => {
  it('leaves nothing open, and fails the calls that are under way or wait, and later ones', async () => {
    let received = 0;
    const { server, address, client, sockets } = await startHttp((incoming, outgoing) => {
      incoming.once('data', (chunk: Buffer) => {
        received += 1;
        if (chunk[0] === 0) outgoing.end('r');
        if (received === 3 + limits.peerConnectionsMax) server.emit('allReceived');
      });
    });
    // Some connections that have answered before, and some that have not.
    await Promise.all([0, 0, 0].map((byte) => client.send(address, Uint8Array.of(byte), { deadlineMs })));
    const allReceived = once(server, 'allReceived');
    const calls = Array.from({ length: 2 * limits.peerConnectionsMax }, () =>
      failureOf(client.send(address, Uint8Array.of(1), { deadlineMs })),
    );
    await allReceived;
    const ended = allClosed(sockets);
    await client.close();
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({ code: 'KVS_PEER_UNREACHABLE' });
    await ended;
    expect(await failureOf(client.send(address, message, { deadlineMs }))).toMatchObject({
      code: 'KVS_PEER_UNREACHABLE',
    });
    expect(received).toBe(3 + limits.peerConnectionsMax);
    await client.close();
  });

  it('ends idle connections too', async () => {
    const { address, client, sockets } = await startHttp((_, outgoing) => outgoing.end('r'));
    await client.send(address, message, { deadlineMs });
    const ended = allClosed(sockets);
    await client.close();
    await ended;
  });
});
