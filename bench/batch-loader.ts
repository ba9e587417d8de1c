/**
 * Streams puts into one batch over one connection, in a process of its own. Reads one JSON line of `BatchPlan` from its
 * arguments, prints one JSON line of `BatchLoad`.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';

export interface BatchPlan {
  readonly port: number;
  /** Below which all keys are. */
  readonly base: string;
  readonly lines: number;
  /** The value of every line, JSON. */
  readonly value: string;
}

export interface BatchLoad {
  readonly linesPerSecond: number;
  /** Results that were not 2xx. */
  readonly failed: number;
}

/** Lines in one write to the connection. */
const linesInWrite = 500;
const newline = 0x0a;

const plan = JSON.parse(process.argv[2] ?? '{}') as BatchPlan;
const outgoing = request({
  port: plan.port,
  host: '127.0.0.1',
  method: 'POST',
  path: '/kv/',
  headers: { 'Content-Type': 'application/x-ndjson' },
});
// Made before the clock starts: whoever measures shares the machine with what is measured.
const writes = Array.from({ length: Math.ceil(plan.lines / linesInWrite) }, (_, i) =>
  Buffer.from(linesFrom(i)),
);
const startedAt = performance.now();
const reading = readResults();
outgoing.flushHeaders();
for (const bytes of writes) {
  if (!outgoing.write(bytes)) await once(outgoing, 'drain');
}
outgoing.end();
const { lines, failed } = await reading;
const seconds = (performance.now() - startedAt) / 1000;
if (lines !== plan.lines) throw new Error(`${lines} results for ${plan.lines} lines`);
const load: BatchLoad = { linesPerSecond: lines / seconds, failed };
process.stdout.write(`${JSON.stringify(load)}\n`);

/** The lines of write `i`. */
function linesFrom(i: number): string {
  let text = '';
  const from = i * linesInWrite;
  for (let n = from; n < Math.min(from + linesInWrite, plan.lines); n++) {
    text += `{"op":"put","path":"${plan.base}/${n % 1000}/k${n}","value":${plan.value}}\n`;
  }
  return text;
}

async function readResults(): Promise<{ lines: number; failed: number }> {
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const tally = { lines: 0, failed: 0 };
  for await (const chunk of answer) {
    const bytes = chunk as Buffer;
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) tally.lines++;
    // What fails has a code, and a value can't look like one here.
    for (let at = bytes.indexOf('"code"'); at >= 0; at = bytes.indexOf('"code"', at + 1)) tally.failed++;
  }
  return tally;
}
