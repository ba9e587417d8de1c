import { describe, expect, it } from 'vitest';
import { runNode } from '../running-node.ts';
import { kvs, KvsProcess, seed } from './kvs-process.ts';

/** Settles when the node has a watcher: what is written from then on is told. */
async function watching(run: KvsProcess, url: string): Promise<void> {
  let round = 0;
  for (;;) {
    await seed(url, [`{"op":"put","path":"a/begun","value":${++round}}`]);
    if (run.out !== '') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('kvs watch', () => {
  it('tells what happens below a prefix, and ends with 130 when it is interrupted', async () => {
    const { url } = await runNode();
    const run = new KvsProcess(['watch', 'a/'], { url });
    await watching(run, url);
    for (const line of [
      '{"op":"put","path":"b","value":0}',
      '{"op":"put","path":"a/x","value":{"n": 1}}',
      '{"op":"put","path":"a/y","content_type":"text/plain","value_base64":"dGV4dA=="}',
      '{"op":"delete","path":"a/x"}',
      '{"op":"put","path":"a/z","value":2,"ttl":0.3}',
    ]) {
      // Of one batch, they may overtake each other.
      await seed(url, [line]);
    }
    await run.written('out', /expire {2}a\/z\n/);
    run.child.kill('SIGINT');
    const { code, out, err } = await run.ended();
    expect({ code, err }).toEqual({ code: 130, err: '' });
    expect(out.replaceAll(/^put {2}a\/(?:begun|z) .*\n/gm, '').split('\n')).toEqual([
      'put  a/x  {"n":1}',
      'put  a/y  (text/plain, 4 bytes)',
      'delete  a/x',
      'expire  a/z',
      '',
    ]);
  });

  it('goes on after the id that the last event had', async () => {
    const { url } = await runNode();
    const first = new KvsProcess(['watch', '--json'], { url });
    await watching(first, url);
    first.child.kill('SIGTERM');
    const { code, out } = await first.ended();
    expect(code).toBe(143);
    const last = JSON.parse(out.trim().split('\n').at(-1) ?? '') as { id: string; event: string };
    expect(last.event).toBe('put');

    await seed(url, ['{"op":"put","path":"b","value":1}']);
    await seed(url, ['{"op":"delete","path":"b"}']);
    const second = new KvsProcess(['watch', '--json', '--after', last.id], { url });
    await second.written('out', /"event":"delete".*\n/);
    const events = second.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(events.at(-1)).toMatchObject({ event: 'delete', path: 'b', id: expect.any(String) as string });
  });

  it('ends quietly when nobody reads what it tells any more', async () => {
    const { url } = await runNode();
    const run = new KvsProcess(['watch'], { url });
    await watching(run, url);
    run.child.stdout.destroy();
    // It finds out when it tells something.
    const ended = run.ended();
    const isEnded = ended.then(() => true);
    while (!(await Promise.race([isEnded, seed(url, ['{"op":"put","path":"b","value":1}'])])));
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  it('refuses an id that no node gave out', async () => {
    const { url } = await runNode();
    expect(await kvs(['watch', '--after', 'yesterday'], { url })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^kvs: KVS_BAD_REQUEST: .*\n$/) as string,
    });
  });
});
