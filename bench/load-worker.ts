/**
 * A load generator in a process of its own: keep-alive connections that each send the next request when the answer
 * to the last one is whole. Reads one JSON line of `LoadPlan` from its arguments, prints one JSON line of `LoadResult`.
 */
import { connect } from 'node:net';

export interface LoadPlan {
  readonly port: number;
  readonly method: 'GET' | 'PUT';
  /** `{n}` becomes a number below `keys`, in turn. */
  readonly path: string;
  readonly keys: number;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  /** Keeps the generator awake; only where the server leaves it a core to itself. */
  readonly polls?: boolean;
}

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx. */
  readonly failed: number;
}

const digitTwo = 0x32;
const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
const requests = Array.from({ length: plan.keys }, (_, n) => Buffer.from(requestText(plan, n)));
const latenciesMs: number[] = [];
let failed = 0;
let sent = 0;
const startedAt = performance.now();
const endsAt = startedAt + plan.seconds * 1000;

// A generator that sleeps must be woken by each answer, and the server pays for that with its own time, the more the
// quicker it is. This one polls.
let isDone = plan.polls !== true;
const poll = () => void (isDone || setImmediate(poll));
poll();
await Promise.all(Array.from({ length: plan.connections }, runConnection));
isDone = true;

const seconds = (performance.now() - startedAt) / 1000;
const sorted = Float64Array.from(latenciesMs).toSorted();
const result: LoadResult = {
  requestsPerSecond: sorted.length / seconds,
  p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? NaN,
  p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? NaN,
  failed,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

function requestText({ method, path, body }: LoadPlan, n: number): string {
  const head = `${method} ${path.replace('{n}', String(n))} HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
  if (method === 'GET') return `${head}\r\n`;
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

async function runConnection(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(plan.port, '127.0.0.1');
    socket.setNoDelay(true);
    let received = '';
    let sentAt = 0;
    /** Length of the last whole answer: most have the same, and need no parsing then. */
    let usualLength = 0;
    const sendNext = () => {
      if (performance.now() >= endsAt) {
        socket.destroy();
        resolve();
        return;
      }
      sentAt = performance.now();
      socket.write(requests[sent++ % requests.length] ?? '');
    };
    socket.on('connect', sendNext);
    socket.on('error', reject);
    const finish = (isSuccess: boolean) => {
      latenciesMs.push(performance.now() - sentAt);
      if (!isSuccess) failed++;
      received = '';
      sendNext();
    };
    socket.on('data', (chunk) => {
      if (received === '' && chunk.length === usualLength) {
        finish(chunk[9] === digitTwo);
        return;
      }
      received += chunk.toString('latin1');
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
      if (received.length < headEnd + 4 + length) return;
      usualLength = received.length;
      finish(received[9] === '2');
    });
  });
}
