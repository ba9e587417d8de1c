import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const answersOf = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Sees to it that an answer is closed with its connection, also while it waits there behind another one (pipelining).
 * Node closes the foremost answer alone: whoever writes one behind it would wait for room for ever. To be called as
 * soon as the request comes.
 */
export function closeWithConnection({ socket }: IncomingMessage, outgoing: ServerResponse): void {
  const isForemost = outgoing.socket !== null;
  if (isForemost) return;
  const answers = answersOf.get(socket) ?? watchedAnswers(socket);
  answers.add(outgoing);
  outgoing.once('close', () => answers.delete(outgoing));
}

/** One listener for all answers of a connection: there may be thousands. */
function watchedAnswers(socket: Socket): Set<ServerResponse> {
  const answers = new Set<ServerResponse>();
  answersOf.set(socket, answers);
  socket.once('close', () => {
    for (const answer of answers) {
      if (answer.socket !== null) continue;
      answer.destroy();
      answer.emit('close');
    }
  });
  return answers;
}
