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
const startedAt = performance.now();
const reading = readResults();
outgoing.flushHeaders();
for (let from = 0; from < plan.lines; from += linesInWrite) {
  let text = '';
  for (let n = from; n < Math.min(from + linesInWrite, plan.lines); n++) {
    text += `{"op":"put","path":"${plan.base}/${n % 1000}/k${n}","value":${plan.value}}\n`;
  }
  if (!outgoing.write(text)) await once(outgoing, 'drain');
}
outgoing.end();
const { lines, failed } = await reading;
const seconds = (performance.now() - startedAt) / 1000;
if (lines !== plan.lines) throw new Error(`${lines} results for ${plan.lines} lines`);
const load: BatchLoad = { linesPerSecond: lines / seconds, failed };
process.stdout.write(`${JSON.stringify(load)}\n`);

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
