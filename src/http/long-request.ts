import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The last request of each socket whose body may take as long as it likes. */
const longRequests = new WeakMap<Socket, IncomingMessage>();

/** Tells the server that whoever reads this request sees to its time himself. */
export function takeOverTime(incoming: IncomingMessage): void {
  longRequests.set(incoming.socket, incoming);
}

/** True while such a request is still coming on the socket. */
export function hasLongRequest(socket: Socket): boolean {
  return longRequests.get(socket)?.complete === false;
}
