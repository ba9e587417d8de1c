import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parsePath } from '../../src/core/key-path.ts';
import { isConflict, type Version } from '../../src/core/version.ts';
import { tally } from '../../src/peers/tally.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { openVersionStore, type OpenVersionStore } from '../../src/store/version-store.ts';
import type { Level } from '../../src/store/level.ts';
import { systemClock, systemRandom } from '../../src/system.ts';
import { NodeProcess, temporaryFolder } from '../node-process.ts';

const tool = fileURLToPath(new URL('../../tools/make-conflict.ts', import.meta.url));
const key = parsePath('test/conflict');

async function place(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return folder.path;
}

async function run(cwd: string, ...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), tool, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, out, err };
}

/** Opens the store in a folder, or makes it, and closes it after `use`. */
async function inStore<T>(folder: string, use: (store: OpenVersionStore) => Promise<T>): Promise<T> {
  const silent = () => undefined;
  const store = await openVersionStore({
    level: new RocksdbLevel(folder) as unknown as Level,
    nodeId: 'test',
    durable: false,
    clock: systemClock,
    random: systemRandom,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    tombstoneRetentionMs: 1,
    revisionsKept: 3,
    maxClockDriftMs: 1,
    cacheBytes: 0,
  });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function versionIn(folder: string): Promise<Version | undefined> {
  return inStore(folder, (store) => store.get(key));
}

describe('make-conflict', { timeout: 120_000 }, () => {
  it('makes two versions of one instant, of which a vote keeps the first, and tells what to do next', async () => {
    const cwd = await place();
    // As the walk-through does.
    await Promise.all(['data1', 'data2'].map((name) => mkdir(join(cwd, name))));
    const { code, out, err } = await run(cwd, 'data1', 'data2');
    expect([code, err]).toEqual([0, '']);
    const [first, second] = [await versionIn(join(cwd, 'data1')), await versionIn(join(cwd, 'data2'))];
    if (first === undefined || second === undefined) throw new Error('A folder lacks the key');
    expect(isConflict(first, second)).toBe(true);
    expect(first.data).not.toEqual(second.data);
    for (const vote of [
      tally({ member: 'node1', held: first }, [{ member: 'node2', held: second }]),
      tally({ member: 'node2', held: second }, [{ member: 'node1', held: first }]),
    ]) {
      expect(vote).toMatchObject({ kind: 'elected', uuid: first.uuid, votes: 1 });
    }
    expect(out).toContain('The key test/conflict now has two versions of one instant');
    for (const { uuid, data } of [first, second]) {
      expect(out).toContain(`${Buffer.from(data).toString()}  uuid ${uuid}`);
    }
    expect(out).toContain('npm run cluster -- configs/node1.yaml configs/node2.yaml');
  });

  it('makes the folders, which a node then serves as the age that the vote goes by', async () => {
    const cwd = await place();
    const { out } = await run(cwd, 'some/a', "some/b's");
    expect(out).toContain(String.raw`KVS_DATA_DIR='some/b'\''s' npm start -- configs/node2.yaml`);
    const first = await versionIn(join(cwd, 'some/a'));
    const { node, url } = await NodeProcess.start(cwd, { node_id: 'node1', data_dir: join(cwd, 'some/a') });
    onTestFinished(() => node.kill());
    expect(await (await fetch(`${url}/kv/${key}`)).json()).toEqual({ message: 'written in a' });
    const [self] = (await (await fetch(`${url}/members/`)).json()) as { joined_timestamp: number }[];
    expect(first?.originJoined).toBe(self?.joined_timestamp);
  });

  it('adds the key to folders with other data, whatever their clocks have reached', async () => {
    const cwd = await place();
    const folders = ['old', 'new'].map((name) => join(cwd, name));
    for (const folder of folders) {
      await inStore(folder, (store) =>
        store.write([
          { kind: 'put', path: parsePath('a'), contentType: 'text/plain', data: Buffer.from('a') },
        ]),
      );
    }
    expect((await run(cwd, 'old', 'new')).code).toBe(0);
    const [first, second] = [await versionIn(join(cwd, 'old')), await versionIn(join(cwd, 'new'))];
    expect(first !== undefined && second !== undefined && isConflict(first, second)).toBe(true);
  });

  it('refuses a folder that holds the key, in one line, and writes nothing in the other one', async () => {
    const cwd = await place();
    await run(cwd, 'a', 'b');
    const { code, out, err } = await run(cwd, 'c', 'b');
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe('make-conflict: b holds the key test/conflict already; take folders that do not\n');
    expect(await versionIn(join(cwd, 'c'))).toBeUndefined();
  });

  it('refuses a folder that is in use', async () => {
    const cwd = await place();
    await inStore(join(cwd, 'b'), async () => {
      expect(await run(cwd, 'a', 'b')).toEqual({
        code: 1,
        out: '',
        err: 'make-conflict: b is in use by a node; stop it first\n',
      });
    });
    expect(await versionIn(join(cwd, 'a'))).toBeUndefined();
  });

  it('refuses an older folder in the second place, one folder in both, and a file', async () => {
    const cwd = await place();
    await inStore(join(cwd, 'old'), async () => undefined);
    // A folder that is made now would count as a minute older.
    await inStore(join(cwd, 'new'), async () => undefined);
    expect((await run(cwd, 'new', 'old')).err).toBe(
      'make-conflict: old is older than new; name the older folder first\n',
    );
    expect((await run(cwd, 'a', './a')).err).toBe(
      'make-conflict: a and ./a are one folder; two are needed\n',
    );
    const { code, err } = await run(cwd, tool, 'a');
    expect([code, err.trimEnd().split('\n').length]).toEqual([1, 1]);
    expect(err).toContain(tool);
    expect(existsSync(join(cwd, 'a'))).toBe(false);
  });

  it('explains itself when it is called in another way', async () => {
    const cwd = await place();
    const { code, err } = await run(cwd, 'a');
    expect([code, err]).toEqual([2, expect.stringMatching(/^Usage: npm run make-conflict -- DIR1 DIR2\n/)]);
    expect(await run(cwd, '--help')).toEqual({ code: 0, out: err, err: '' });
  });
});
