import { describe, expect, it } from 'vitest';
import { Metrics } from '../../src/metrics/registry.ts';
import { waitFor } from '../cluster/wait-for.ts';
import { exchange } from '../http/harness.ts';
import { addressOf, runNode } from '../running-node.ts';
import { Exposition, scrape } from './exposition.ts';

const put = (url: string, path: string) =>
  fetch(`${url}/kv/${path}`, { method: 'PUT', body: '1', headers: { 'Content-Type': 'application/json' } });

const until = (what: string, condition: () => Promise<boolean>) => waitFor({ what }, condition, 30_000);

describe('/metrics of a node', () => {
  it('counts requests by route, method and status, and never shows a path', async () => {
    const { url } = await runNode();
    await put(url, 'secret-name');
    await put(url, 'secret-name');
    for (const path of ['/kv/secret-name', '/kv/other-name', '/secret-route']) await fetch(url + path);
    const metrics = await scrape(url);
    const requests = (route: string, method: string, status: number) =>
      metrics.value(`kvs_http_requests_total{route="${route}",method="${method}",status="${status}"}`);
    expect([requests('/kv/*', 'PUT', 201), requests('/kv/*', 'PUT', 200)]).toEqual([1, 1]);
    expect([requests('/kv/*', 'GET', 200), requests('/kv/*', 'GET', 404)]).toEqual([1, 1]);
    expect(requests('none', 'GET', 404)).toBe(1);
    expect(metrics.value('kvs_http_request_duration_seconds_count{route="/kv/*",method="PUT"}')).toBe(2);
    expect(metrics.seriesWith('secret')).toEqual([]);
  });

  it('counts methods that no route knows, and what is not HTTP, as one each', async () => {
    const { url } = await runNode();
    for (const method of ['PATCH', 'PROPFIND', 'REPORT']) await fetch(`${url}/kv/a`, { method });
    await exchange(Number(new URL(url).port), 'hello\r\n\r\n');
    const metrics = await scrape(url);
    expect(metrics.value('kvs_http_requests_total{route="/kv/*",method="other",status="405"}')).toBe(3);
    expect(metrics.value('kvs_http_requests_total{route="none",method="other",status="400"}')).toBe(1);
  });

  it('tells of commits, syncs, the cache and the engine', async () => {
    const { url } = await runNode();
    await until('the keys are known', async () => {
      const state = (await (await fetch(`${url}/debug/store`)).json()) as { digests_ready: boolean };
      return state.digests_ready;
    });
    await put(url, 'a');
    await fetch(`${url}/kv/a`);
    await fetch(`${url}/kv/b`);
    const metrics = await scrape(url);
    expect(metrics.value('kvs_commit_group_size_count')).toBe(1);
    expect(metrics.value('kvs_commit_group_size_bucket{le="1"}')).toBe(1);
    expect(metrics.value('kvs_wal_sync_duration_seconds_count')).toBeGreaterThan(0);
    // Keys that are known not to be there are looked for neither in the cache nor on the disk.
    expect(metrics.value('kvs_cache_hits_total')).toBe(1);
    expect(metrics.value('kvs_cache_misses_total')).toBe(0);
    expect(metrics.value('kvs_future_versions_total')).toBe(0);
    expect(metrics.value('kvs_rocksdb_memtable_bytes')).toBeGreaterThan(0);
    expect(metrics.value('kvs_rocksdb_write_stopped')).toBe(0);
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('tells of reads that the cache has no answer to', async () => {
    const { url } = await runNode({ cache_bytes: 0 });
    await put(url, 'a');
    for (let read = 0; read < 3; read++) await fetch(`${url}/kv/a`);
    const metrics = await scrape(url);
    expect(metrics.value('kvs_cache_hits_total')).toBe(0);
    expect(metrics.value('kvs_cache_misses_total')).toBeGreaterThanOrEqual(3);
  });

  it('tells each who asks of the same delays of the event loop, and of no others', async () => {
    const { url } = await runNode();
    const until = performance.now() + 200;
    while (performance.now() < until);
    const longWaits = async () => {
      const metrics = await scrape(url);
      expect(metrics.seriesWith('nodejs_eventloop')).toEqual([]);
      const upTo = (bound: string) =>
        metrics.value(`kvs_event_loop_delay_seconds_bucket{le="${bound}"}`) ?? NaN;
      return upTo('+Inf') - upTo('0.1');
    };
    const first = await longWaits();
    expect(first).toBeGreaterThan(0);
    expect(await longWaits()).toBeGreaterThanOrEqual(first);
  });

  it('tells which node this is, its mode and its actors', async () => {
    const { url } = await runNode({ node_id: 'a "quoted" \\ name', read_only: true });
    const metrics = await scrape(url);
    expect(metrics.value('kvs_node_info{node="a \\"quoted\\" \\\\ name",cluster="kvs"}')).toBe(1);
    expect(
      ['normal', 'read-only', 'syncing'].map((mode) => metrics.value(`kvs_mode{mode="${mode}"}`)),
    ).toEqual([0, 1, 0]);
    expect(metrics.value('kvs_ready')).toBe(1);
    expect(metrics.value('kvs_actor_restarts_total{actor="gossiper"}')).toBe(0);
  });

  it('tells of each member, and nothing any more of one that is forgotten', async () => {
    const first = await runNode();
    const second = await runNode({ node_id: 'node2', seed_nodes: [addressOf(first)] });
    await until('the second node to take writes', async () => {
      return (await scrape(second.url)).value('kvs_mode{mode="normal"}') === 1;
    });
    await put(first.url, 'a');
    await until('the write to be there', async () => (await fetch(`${second.url}/kv/a`)).ok);
    const pushes = 'kvs_peer_calls_total{call="push",outcome="answered"}';
    await until('the push to be answered', async () => ((await scrape(first.url)).value(pushes) ?? 0) > 0);
    const metrics = await scrape(first.url);
    expect(metrics.value('kvs_members{state="alive"}')).toBe(2);
    expect(metrics.value('kvs_member_last_contact_timestamp_seconds{member="node2"}')).toBeGreaterThan(0);
    expect(metrics.value('kvs_push_queue_versions{member="node2"}')).toBeDefined();
    expect(metrics.value('kvs_push_lag_seconds{member="node2"}')).toBeDefined();
    expect(metrics.value('kvs_member_behind{member="node2"}')).toBeDefined();
    for (const direction of ['sent', 'received']) {
      expect(metrics.value(`kvs_member_${direction}_bytes_total{member="node2"}`)).toBeGreaterThan(0);
    }
    for (const role of ['caller', 'answerer']) {
      expect(metrics.value(`kvs_peer_sent_bytes_total{role="${role}"}`)).toBeGreaterThan(0);
      expect(metrics.value(`kvs_peer_received_bytes_total{role="${role}"}`)).toBeGreaterThan(0);
    }
    await until('a comparison', async () => {
      const rounds = await Promise.all([first, second].map(({ url }) => scrape(url)));
      return rounds.some((round) => (round.value('kvs_sync_rounds_total{outcome="completed"}') ?? 0) > 0);
    });

    await second.stop();
    await until(
      'the goodbye',
      async () => (await scrape(first.url)).value('kvs_members{state="left"}') === 1,
    );
    const gone = await scrape(first.url);
    expect(gone.value('kvs_push_queue_versions{member="node2"}')).toBeUndefined();
    expect(gone.value('kvs_member_last_contact_timestamp_seconds{member="node2"}')).toBeDefined();
    const forgotten = await fetch(`${first.url}/members/forget`, {
      method: 'POST',
      body: JSON.stringify({ id: 'node2' }),
    });
    expect(forgotten.status).toBe(200);
    expect((await scrape(first.url)).seriesWith('node2')).toEqual([]);
  });

  it('answers nothing where it is switched off', async () => {
    const { url } = await runNode({ metrics: 'off' });
    const refused = await fetch(`${url}/metrics`);
    expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'KVS_ROUTE_NOT_FOUND' }]);
  });

  it('is asked for and nothing else', async () => {
    const { url } = await runNode();
    const [head, post] = await Promise.all(
      ['HEAD', 'POST'].map((method) => fetch(`${url}/metrics`, { method })),
    );
    expect([head?.status, head?.headers.get('Content-Type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect([post?.status, post?.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('The text of a metric', () => {
  it('has a series for each value that is read, and none that is not there any more', async () => {
    const metrics = new Metrics();
    let members = ['a', 'b'];
    metrics.gauge({ name: 'lag', help: '.', labels: ['member'] }, () =>
      members.map((member) => ({ labels: { member }, value: 1 })),
    );
    metrics.counter({ name: 'count_total', help: '.' }, () => 7);
    expect([...new Exposition(await metrics.text()).samples]).toEqual([
      ['lag{member="a"}', 1],
      ['lag{member="b"}', 1],
      ['count_total', 7],
    ]);
    members = ['b'];
    expect([...new Exposition(await metrics.text()).samples.keys()]).toEqual([
      'lag{member="b"}',
      'count_total',
    ]);
  });
});
