import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeyPath } from '../src/core/key-path.ts';
import { revisionEntryBytes } from '../src/store/version-record.ts';
import type { Level } from '../src/store/level.ts';
import { RocksdbLevel } from '../src/store/rocksdb-level.ts';
import { NodeProcess, temporaryFolder } from './node-process.ts';
import { audit } from './store/audit.ts';

const rounds = 20;
const writesPerRound = 500;
const connections = 64;
/** Written again and again, so that commits move revisions too. */
const rewrittenKey = 'rewritten';

/** Long enough to span several log blocks' worth of records in a round, and to show a tear anywhere in it. */
function valueOf(key: string): string {
  return JSON.stringify({ key, filler: key.repeat(20) });
}

async function put(agent: Agent, url: string, key: string): Promise<number> {
  const body = valueOf(key);
  const outgoing = request(`${url}/kv/${key}`, {
    agent,
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}

async function get(agent: Agent, url: string, key: string): Promise<{ status: number; body: string }> {
  const outgoing = request(`${url}/kv/${key}`, { agent });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  await once(response, 'end');
  return { status: response.statusCode ?? 0, body };
}

describe('kill -9 while clients write', () => {
  it(`loses no acknowledged write, tears none and leaves every index and revision equal to the data, ${rounds} times over`, async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const acknowledged = new Set<string>();
    const asked = new Set<string>();
    const refused: number[] = [];
    let cutShort = 0;

    for (let round = 0; round < rounds; round++) {
      const { node, url } = await NodeProcess.start(folder.path);
      onTestFinished(() => node.kill());
      const agent = new Agent({ keepAlive: true, maxSockets: connections });
      // The moment is drawn as a number of acknowledged writes, so that it hits the node while it is busy.
      const killAfter = Math.floor(Math.random() * writesPerRound);
      let next = 0;
      let roundAcknowledged = 0;
      const worker = async () => {
        while (next < writesPerRound) {
          const key = `round${round}/key${next++}`;
          asked.add(key);
          if (next % 8 === 0) await put(agent, url, rewrittenKey);
          const status = await put(agent, url, key);
          if (status !== 201) refused.push(status);
          acknowledged.add(key);
          if (++roundAcknowledged === killAfter) node.signal('SIGKILL');
        }
      };
      const outcomes = await Promise.allSettled(Array.from({ length: connections }, worker));
      cutShort += outcomes.some(({ status }) => status === 'rejected') ? 1 : 0;
      await node.kill();
      agent.destroy();
    }
    expect(refused).toEqual([]);
    expect(cutShort).toBeGreaterThan(rounds / 2);

    const { node, url } = await NodeProcess.start(folder.path);
    onTestFinished(() => node.kill());
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const keys = [...asked];
    const missing: string[] = [];
    const torn: string[] = [];
    await Promise.all(
      Array.from({ length: connections }, async (_, worker) => {
        for (let i = worker; i < keys.length; i += connections) {
          const key = keys[i] ?? '';
          const { status, body } = await get(agent, url, key);
          if (status === 200 ? body !== valueOf(key) : status !== 404) torn.push(key);
          if (status !== 200 && acknowledged.has(key)) missing.push(key);
        }
      }),
    );
    agent.destroy();
    await node.kill();
    const level = new RocksdbLevel(join(folder.path, 'data')) as unknown as Level;
    await level.open();
    const indexes = await audit(level);
    await level.close();
    expect([indexes.missing, indexes.stray]).toEqual([[], []]);
    expect(indexes.versions.get(rewrittenKey as KeyPath)?.revisions).toHaveLength(2 * revisionEntryBytes);
    expect(indexes.versions.size).toBeGreaterThanOrEqual(acknowledged.size);
    expect({ missing, torn }).toEqual({ missing: [], torn: [] });
    expect(acknowledged.size).toBeGreaterThan(rounds);
  }, 300_000);
});
