import { EventEmitter, once, setMaxListeners } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';

/**
 * How a link is cut. `refuse`: connections are reset, new ones as soon as they are made. `silent`: nothing passes and
 * nobody is told, as when a cable is pulled; what was sent meanwhile passes when the cut is mended.
 */
export type Cut = 'refuse' | 'silent';

const host = '127.0.0.1';

/** What one direction of a connection holds back before it stops reading, bytes. */
const heldBytesMax = 1_048_576;

/** One connection through a link. */
interface Wire {
  readonly client: Socket;
  /** The address that the client called from. */
  readonly source: string;
  readonly ended: AbortController;
  target?: Socket;
}

/** A TCP proxy on a port of its own, which can be cut, for all or for those who call from one address. */
export class Link {
  /** Where it takes connections. */
  readonly port: number;
  /** Where new connections go, on 127.0.0.1. While it is undefined they are reset. */
  targetPort: number | undefined;
  /** What is sent passes this much later, in either direction, ms. */
  delayMs = 0;
  /** Bytes that passed to the target, all connections together. */
  bytesToTarget = 0;
  /** Bytes that passed from the target. */
  bytesFromTarget = 0;
  readonly #server: Server;
  readonly #wires = new Set<Wire>();
  /** By source address; the key undefined stands for all. */
  readonly #cuts = new Map<string | undefined, Cut>();
  readonly #changes = new EventEmitter();

  private constructor(server: Server, targetPort: number | undefined) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.targetPort = targetPort;
    setMaxListeners(0, this.#changes);
    server.on('connection', (client) => void this.#join(client));
  }

  static async open(targetPort?: number): Promise<Link> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, host);
    await once(server, 'listening');
    return new Link(server, targetPort);
  }

  get address(): string {
    return `${host}:${this.port}`;
  }

  /** Connections that are open at the moment. */
  get connections(): number {
    return this.#wires.size;
  }

  /** Cuts the link, with `source` for those who call from that address only. A cut replaces an earlier one. */
  cut(mode: Cut = 'refuse', source?: string): void {
    this.#cuts.set(source, mode);
    this.#changes.emit('change');
    for (const wire of this.#wires) if (this.#cutOf(wire.source) === 'refuse') reset(wire);
  }

  /** Undoes the cut of one source; without one, all cuts. */
  mend(source?: string): void {
    if (source === undefined) this.#cuts.clear();
    else this.#cuts.delete(source);
    this.#changes.emit('change');
  }

  /** Resets all connections and gives the port back. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const wire of this.#wires) reset(wire);
    await closed;
  }

  #cutOf(source: string): Cut | undefined {
    return this.#cuts.get(undefined) ?? this.#cuts.get(source);
  }

  async #join(client: Socket): Promise<void> {
    const wire: Wire = { client, source: client.remoteAddress ?? '', ended: new AbortController() };
    client.on('error', () => undefined);
    this.#wires.add(wire);
    try {
      await this.#passage(wire);
      const target = await this.#call(wire);
      await Promise.all([
        this.#carry(wire, client, target, (bytes) => (this.bytesToTarget += bytes)),
        this.#carry(wire, target, client, (bytes) => (this.bytesFromTarget += bytes)),
      ]);
    } catch {
      // One side is gone. A silent cut keeps that from the other side, too.
      await this.#passage(wire).catch(() => undefined);
      reset(wire);
    } finally {
      this.#wires.delete(wire);
    }
  }

  async #call(wire: Wire): Promise<Socket> {
    if (this.targetPort === undefined) throw new Error('The link leads nowhere yet');
    const target = connect({ host, port: this.targetPort, allowHalfOpen: true, noDelay: true });
    target.on('error', () => undefined);
    wire.target = target;
    await once(target, 'connect', { signal: wire.ended.signal });
    return target;
  }

  /** Carries one direction to its end, in order; what comes close together is delayed together. */
  async #carry(wire: Wire, from: Socket, to: Socket, count: (bytes: number) => number): Promise<void> {
    let heldBytes = 0;
    let latest = Promise.resolve();
    const deliver = async (before: Promise<void>, chunk: Buffer, dueAt: number): Promise<void> => {
      await before;
      await this.#passage(wire, dueAt);
      heldBytes -= chunk.length;
      count(chunk.length);
      if (!to.write(chunk)) await once(to, 'drain', { signal: wire.ended.signal });
    };
    for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      heldBytes += chunk.length;
      latest = deliver(latest, chunk, performance.now() + this.delayMs);
      // It is awaited below, or by the next one; until then its failure is nobody's surprise.
      latest.catch(() => undefined);
      if (heldBytes > heldBytesMax) await latest;
    }
    await latest;
    await this.#passage(wire, performance.now() + this.delayMs);
    to.end();
  }

  /** Settles when something that is due at `dueAt` may pass; fails when the connection ends first. */
  async #passage(wire: Wire, dueAt = 0): Promise<void> {
    const { signal } = wire.ended;
    const leftMs = dueAt - performance.now();
    if (leftMs > 0) await pass(leftMs, undefined, { signal });
    while (this.#cutOf(wire.source) === 'silent') await once(this.#changes, 'change', { signal });
    if (this.#cutOf(wire.source) === 'refuse') throw new Error('The link is cut');
  }
}

function reset({ client, target, ended }: Wire): void {
  ended.abort();
  client.resetAndDestroy();
  target?.resetAndDestroy();
}
