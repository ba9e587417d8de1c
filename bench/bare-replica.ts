/**
 * The reference for replication lag: the least that a node in this language does for a write that is durable at its
 * members. It appends each write to a file, syncs the file once for all that came meanwhile, sends each write at once
 * to the others over plain sockets, and shows what came from them when it is synced. No versions, no indexes, no
 * retries. Its arguments are the file and the ports of the replicas before it; prints its HTTP port and its own port.
 */
import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

interface Write {
  readonly path: string;
  readonly etag: string;
  readonly body: string;
}

const [file = '', ...otherPorts] = process.argv.slice(2);
const log = await open(file, 'a');
const etags = new Map<string, string>();
const peers: Socket[] = [];
let waiting: { readonly write: Write; readonly done: () => void }[] = [];
let isSyncing = false;

async function syncAll(): Promise<void> {
  if (isSyncing) return;
  isSyncing = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    await log.write(group.map(({ write }) => `${JSON.stringify(write)}\n`).join(''));
    await log.datasync();
    for (const { write, done } of group) {
      etags.set(write.path, write.etag);
      done();
    }
  }
  isSyncing = false;
}

function store(write: Write): Promise<void> {
  return new Promise((done) => {
    waiting.push({ write, done });
    setImmediate(() => void syncAll());
  });
}

function addPeer(socket: Socket): void {
  socket.setNoDelay(true);
  peers.push(socket);
  createInterface({ input: socket }).on('line', (text) => void store(JSON.parse(text) as Write));
}

const http = createHttpServer((request, response) => {
  const path = (request.url ?? '').slice('/kv/'.length);
  if (request.method === 'GET') {
    const etag = etags.get(path);
    response.writeHead(etag === undefined ? 404 : 200, { ETag: etag ?? '', 'Content-Length': 0 }).end();
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    JSON.parse(body);
    const write = { path, etag: `"${randomUUID()}"`, body };
    const text = `${JSON.stringify(write)}\n`;
    for (const peer of peers) peer.write(text);
    void store(write).then(() => response.writeHead(201, { ETag: write.etag, 'Content-Length': 0 }).end());
  });
});
// The load generator keeps its connections, also those that it does not need for a while.
http.keepAliveTimeout = 0;
const replicas = createServer(addPeer);

for (const port of otherPorts) addPeer(connect(Number(port), '127.0.0.1'));
process.stdout.write(`${await portOf(http)} ${await portOf(replicas)}\n`);

function portOf(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
