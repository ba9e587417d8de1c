import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NodeProcess, temporaryFolder } from '../node-process.ts';
import { addressOf, runNode } from '../running-node.ts';
import { waitFor } from '../cluster/wait-for.ts';
import { kvs, KvsProcess } from './kvs-process.ts';

const rowsOf = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/));

describe('kvs members and kvs forget', () => {
  it('show who is there, and drop who is gone for good', async () => {
    const first = await runNode();
    const second = await runNode({ node_id: 'node2', seed_nodes: [addressOf(first)] });
    const { url } = first;
    const states = async (): Promise<string[][]> =>
      ((await (await fetch(`${url}/members`)).json()) as { id: string; state: string }[]).map(
        ({ id, state }) => [id, state],
      );
    await waitFor({ what: 'two members' }, async () => (await states()).length === 2, 30_000);

    const shown = await kvs(['members'], { url });
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(rowsOf(shown.out).map(([id, address, state]) => [id, address, state])).toEqual([
      ['ID', 'ADDRESS', 'STATE'],
      ['node1', addressOf(first), 'alive'],
      ['node2', addressOf(second), 'alive'],
    ]);
    const { out } = await kvs(['members', '--json'], { url });
    const listed = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(listed).toMatchObject(await (await fetch(`${url}/members`)).json().then(withoutTimes));

    expect(await kvs(['forget', 'node2'], { url })).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^kvs: KVS_MEMBER_ALIVE: .*\n$/) as string,
    });
    expect(await kvs(['forget', 'node3'], { url })).toMatchObject({ code: 3 });
    await second.stop();
    await waitFor({ what: 'node2 to be gone' }, async () => (await states())[1]?.[1] !== 'alive', 30_000);
    expect(await kvs(['forget', 'node2'], { url })).toMatchObject({ code: 0, out: '', err: '' });
    expect((await states()).map(([id]) => id)).toEqual(['node1']);
  });
});

function withoutTimes(members: unknown): object[] {
  return (members as { id: string; address: string; state: string }[]).map(({ id, address, state }) => ({
    id,
    address,
    state,
  }));
}

describe('kvs health', () => {
  it('ends with 0 where a node is well, and says how it is', async () => {
    const { url } = await runNode({ read_only: true });
    const [shown, json] = await Promise.all([kvs(['health'], { url }), kvs(['health', '--json'], { url })]);
    expect(shown).toMatchObject({ code: 0, out: 'ok  read-only  1 member  node1\n', err: '' });
    expect(JSON.parse(json.out)).toEqual(await (await fetch(`${url}/health`)).json());
  });

  it.each([
    { status: 'unavailable', mode: 'normal', member_count: 1, node_id: 'a' },
    { status: 'ok', mode: 'normal', member_count: 1, node_id: 'a', refused: 'The id is taken' },
  ])('ends with 1 where a node answers %j', async (health) => {
    const { url } = await answering({ '/health': health });
    expect(await kvs(['health'], { url })).toMatchObject({ code: 1, err: '' });
  });
});

describe('kvs debug', () => {
  it('shows every actor with its state, and one closely', async () => {
    const { url } = await runNode();
    const [all, one, json, none] = await Promise.all([
      kvs(['debug'], { url }),
      kvs(['debug', 'mode-controller'], { url }),
      kvs(['debug', '--json'], { url }),
      kvs(['debug', 'nobody'], { url }),
    ]);
    const states = rowsOf(all.out).map(([actor, machine, state]) => [actor, machine, state]);
    expect(states[0]).toEqual(['ACTOR', 'MACHINE', 'STATE']);
    expect(states).toContainEqual(['mode-controller', 'mode-controller', 'normal']);
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(one.out).toMatch(/^mode-controller {2}mode-controller\nstate +normal {2}for \d+ s\n/);
    expect(one.out).toMatch(/ - -> normal {2}xstate\.init\n$/);
    const actors = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string });
    expect(actors.map(({ id }) => id)).toEqual(states.slice(1).map(([id]) => id));
    expect(none).toMatchObject({
      code: 3,
      err: 'kvs: KVS_ACTOR_NOT_FOUND: There is no such actor (kvs debug tells which there are)\n',
    });
  });

  it('follows the transitions of an actor until it is interrupted', async () => {
    const { url } = await runNode({ node_id: 'node1' });
    const follow = new KvsProcess(['debug', 'failure-detector', '--follow', '--json'], { url });
    const [line = ''] = await follow.written('out', /^.*\n/);
    expect(JSON.parse(line)).toMatchObject({ actor: 'failure-detector' });
    follow.child.kill('SIGINT');
    expect(await follow.ended()).toMatchObject({ code: 130, err: '' });
  });

  it('ends with 5 when the node that it follows stops', async () => {
    const node = await runNode();
    const follow = new KvsProcess(['debug', '--follow'], { url: node.url });
    await follow.written('out', /failure-detector/);
    await node.stop();
    expect(await follow.ended()).toMatchObject({
      code: 5,
      err: expect.stringMatching(/^kvs: KVS_UNREACHABLE: .*\n$/) as string,
    });
  });

  it('ends with 5 when the node that it follows is killed', async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const { node, url } = await NodeProcess.start(folder.path);
    onTestFinished(() => node.kill());
    const follow = new KvsProcess(['debug', '--follow'], { url });
    await follow.written('out', /failure-detector/);
    await node.kill();
    expect(await follow.ended()).toMatchObject({
      code: 5,
      err: expect.stringMatching(/^kvs: KVS_UNREACHABLE: .*\n$/) as string,
    });
  });

  it('tells what to do where the node shows nothing to it', async () => {
    const { url } = await runNode({ debug: 'off' });
    expect(await kvs(['debug'], { url })).toMatchObject({
      code: 1,
      err: expect.stringContaining('KVS_ROUTE_NOT_FOUND') as string,
    });
  });
});

describe('kvs revisions and kvs restore', () => {
  it('list versions, the newest first, read one and write it anew', async () => {
    const { url } = await runNode({ node_id: 'node1' });
    await kvs(['put', 'a/b', '"first"'], { url });
    await kvs(['delete', 'a/b'], { url });
    await kvs(['put', 'a/b', '"third"'], { url });
    const [shown, json] = await Promise.all([
      kvs(['revisions', 'a/b'], { url }),
      kvs(['revisions', 'a/b', '--json'], { url }),
    ]);
    const revisions = json.out
      .trim()
      .split('\n')
      .map(
        (line) => JSON.parse(line) as { uuid: string; deleted: boolean; current: boolean; origin: string },
      );
    expect(revisions).toMatchObject([
      { deleted: false, current: true, origin: 'node1' },
      { deleted: true, current: false },
      { deleted: false, current: false },
    ]);
    const rows = rowsOf(shown.out).slice(1);
    expect(rows.map(([uuid]) => uuid)).toEqual(revisions.map(({ uuid }) => uuid));
    expect(rows.map((row) => row.slice(2))).toEqual([
      ['node1', '7', 'application/json'],
      ['node1', 'deleted'],
      ['node1', '7', 'application/json'],
    ]);
    const first = revisions[2]?.uuid ?? '';
    expect(await kvs(['get', 'a/b', '--revision', first], { url })).toMatchObject({
      code: 0,
      out: '"first"',
    });
    const restored = await kvs(['restore', 'a/b', first], { url });
    expect(restored).toMatchObject({ code: 0, out: expect.stringMatching(/^[0-9a-f-]{36}\n$/) as string });
    expect(restored.out.trim()).not.toBe(first);
    expect(await kvs(['get', 'a/b', '--consistency', 'quorum'], { url })).toMatchObject({ out: '"first"' });
    expect(await kvs(['restore', 'a/b', '11111111-1111-4111-8111-111111111111'], { url })).toMatchObject({
      code: 3,
    });
  });
});

/** A stand-in for a node in a state that a real one can't be brought into here: it answers these targets. */
async function answering(answers: Readonly<Record<string, object>>): Promise<{ url: string }> {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
