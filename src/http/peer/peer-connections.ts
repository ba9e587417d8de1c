import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { PeerConnection } from './peer-connection.ts';

interface Call {
  readonly message: Uint8Array;
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (error: KvsError) => void;
  readonly deadline: NodeJS.Timeout;
  /** Undefined while the call waits for one. */
  connection: PeerConnection | undefined;
}

/** The connections that are kept to one peer, and the calls that wait for one of them. */
export class PeerConnections {
  readonly #address: string;
  readonly #origin: string;
  readonly #onEmpty: () => void;
  readonly #open = new Set<PeerConnection>();
  /** The one used last is taken first, so that those which are not needed grow old and are closed. */
  readonly #idle: PeerConnection[] = [];
  readonly #waiting = new Set<Call>();
  #isClosed = false;

  /**
   * `onEmpty` is called when the last connection has gone by itself.
   *
   * @throws KvsError KVS_PEER_UNREACHABLE when the address is none
   */
  constructor(address: string, onEmpty: () => void) {
    this.#address = address;
    this.#origin = originOf(address);
    this.#onEmpty = onEmpty;
  }

  get isBusy(): boolean {
    return this.#open.size > this.#idle.length;
  }

  send(message: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const connection = this.#take();
      if (connection === undefined && this.#waiting.size >= limits.peerCallsWaitingMax) {
        reject(this.#unreachable(`${limits.peerCallsWaitingMax} calls wait for it already`));
        return;
      }
      const deadline = setTimeout(() => this.#expire(call, deadlineMs), deadlineMs);
      const call: Call = { message, resolve, reject, deadline, connection };
      if (connection === undefined) this.#waiting.add(call);
      else this.#run(call, connection);
    });
  }

  /** Ends all connections; calls that are not answered yet fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const reason = this.#unreachable('this node has closed its connections');
    for (const call of this.#waiting) settle(call, () => call.reject(reason));
    this.#waiting.clear();
    await Promise.all([...this.#open].map((connection) => connection.destroy(reason)));
  }

  #take(): PeerConnection | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    return this.#open.size < limits.peerConnectionsMax ? this.#connect() : undefined;
  }

  #connect(): PeerConnection {
    const connection = new PeerConnection(this.#address, this.#origin, (ended) => this.#dropIdle(ended));
    this.#open.add(connection);
    return connection;
  }

  #run(call: Call, connection: PeerConnection): void {
    call.connection = connection;
    connection.exchange(call.message, {
      onReply: (reply) => {
        settle(call, () => call.resolve(reply));
        this.#idle.push(connection);
        this.#goOn();
      },
      onFailure: (error, isStale) => {
        this.#drop(connection, error);
        // The peer may have closed the idle connection just as the message went out. Calls may arrive twice.
        if (isStale && !this.#isClosed) {
          this.#run(call, this.#connect());
          return;
        }
        settle(call, () => call.reject(error));
        this.#goOn();
      },
    });
  }

  /** Gives a connection that has become free, or may be made, to the call that has waited longest. */
  #goOn(): void {
    const [call] = this.#waiting;
    if (call !== undefined) {
      const connection = this.#take();
      if (connection === undefined) return;
      this.#waiting.delete(call);
      this.#run(call, connection);
    } else if (this.#open.size === 0 && !this.#isClosed) {
      this.#onEmpty();
    }
  }

  #expire(call: Call, deadlineMs: number): void {
    const error = new KvsError(
      'KVS_PEER_UNREACHABLE',
      `${this.#address} did not answer within ${deadlineMs} ms`,
    );
    if (this.#waiting.delete(call)) call.reject(error);
    else void call.connection?.destroy(error);
  }

  #dropIdle(connection: PeerConnection): void {
    const index = this.#idle.indexOf(connection);
    // A connection in use is replaced, or fails its call, by itself.
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#drop(connection, this.#unreachable('the idle connection has ended'));
    this.#goOn();
  }

  #drop(connection: PeerConnection, reason: KvsError): void {
    this.#open.delete(connection);
    void connection.destroy(reason);
  }

  #unreachable(why: string): KvsError {
    return new KvsError('KVS_PEER_UNREACHABLE', `${this.#address} can't be reached: ${why}`);
  }
}

function settle(call: Call, how: () => void): void {
  clearTimeout(call.deadline);
  how();
}

/** The address of a peer comes from others: it may be anything. */
function originOf(address: string): string {
  const text = `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.href !== `${url.origin}/`) {
    throw new KvsError('KVS_PEER_UNREACHABLE', `${address} can't be reached: it is not host:port`);
  }
  return url.origin;
}
