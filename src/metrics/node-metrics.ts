import type { Cluster } from '../cluster.ts';
import type { ActorInspector, Clock, Mode, NodeStatus, VersionStore } from '../core/ports.ts';
import type { MemberState } from '../core/membership.ts';
import type { Meters } from './meters.ts';
import { Metrics, type Sample } from './registry.ts';

/** Where the metrics of a node come from. */
export interface MetricSources {
  readonly meters: Meters;
  readonly store: Pick<VersionStore, 'sequence' | 'stats' | 'digestsReady' | 'onCommit'>;
  /** The storage engine below the store. */
  readonly engine: { getProperty(name: string): Promise<string | undefined> };
  readonly cluster: Pick<Cluster, 'name' | 'members' | 'outboxes' | 'links' | 'tally'>;
  readonly status: NodeStatus;
  readonly inspector: Pick<ActorInspector, 'actors'>;
  readonly clock: Clock;
}

/** All metrics of a node; `docs/metrics.md` says what to make of each. */
export function nodeMetrics(sources: MetricSources): Metrics {
  const { meters, store } = sources;
  store.onCommit(({ changes }) => meters.commitSizes.observe(changes.length));
  const metrics = new Metrics();
  describeNode(metrics, sources);
  describeHttp(metrics, sources);
  describeStore(metrics, sources);
  describeEngine(metrics, sources);
  describeMembers(metrics, sources);
  describeReplication(metrics, sources);
  describePeerTraffic(metrics, sources);
  metrics.process();
  return metrics;
}

const modes: readonly Mode[] = ['normal', 'read-only', 'syncing'];

function describeNode(metrics: Metrics, { meters, status, cluster, inspector }: MetricSources): void {
  metrics.gauge(
    {
      name: 'kvs_node_info',
      help: 'Always 1; its labels say which node this is, and of which cluster.',
      labels: ['node', 'cluster'],
    },
    () => [{ labels: { node: status.nodeId, cluster: cluster.name }, value: 1 }],
  );
  metrics.gauge(
    { name: 'kvs_mode', help: '1 for the mode that the node is in, 0 for the others.', labels: ['mode'] },
    () => modes.map((mode) => ({ labels: { mode }, value: Number(status.mode() === mode) })),
  );
  metrics.gauge({ name: 'kvs_ready', help: '1 while the node takes requests.' }, () =>
    Number(status.isReady()),
  );
  metrics.counter(
    {
      name: 'kvs_actor_restarts_total',
      help: 'How often an actor failed and was started anew.',
      labels: ['actor'],
    },
    // What an actor starts of its own, for a member or a suspicion, comes and goes without having failed.
    () =>
      inspector
        .actors()
        .filter(({ id }) => !id.includes('.'))
        .map(({ id, restarts }) => ({ labels: { actor: id }, value: restarts })),
  );
  metrics.histogram(
    {
      name: 'kvs_event_loop_delay_seconds',
      help: 'How long what comes to the event loop has to wait, as if something came every 20 ms.',
    },
    () => [{ histogram: meters.eventLoop.waits }],
  );
}

function describeHttp(metrics: Metrics, { meters }: MetricSources): void {
  metrics.counter(
    {
      name: 'kvs_http_requests_total',
      help: 'Requests that were answered.',
      labels: ['route', 'method', 'status'],
    },
    () => meters.http.requests(),
  );
  metrics.histogram(
    { name: 'kvs_http_request_duration_seconds', help: 'From the header of a request to its answer.' },
    () => meters.http.latencies(),
  );
}

function describeStore(metrics: Metrics, { meters, store, inspector }: MetricSources): void {
  metrics.histogram(
    { name: 'kvs_commit_group_size', help: 'Versions that were stored with one commit.' },
    () => [{ histogram: meters.commitSizes }],
  );
  metrics.histogram(
    { name: 'kvs_wal_sync_duration_seconds', help: 'Time for one sync of the write-ahead log to the disk.' },
    () => [{ histogram: meters.syncTimes }],
  );
  metrics.gauge({ name: 'kvs_commit_sequence', help: 'Number of the last commit.' }, () => store.sequence);
  metrics.gauge(
    { name: 'kvs_pending_writes', help: 'Writes that wait for a commit.' },
    () => store.stats().pendingWrites,
  );
  metrics.gauge({ name: 'kvs_store_failing', help: '1 while the disk refuses writes.' }, () => {
    const node = contextOf(inspector, 'node');
    return Number(node['storeFailure'] !== undefined);
  });
  metrics.gauge(
    { name: 'kvs_digests_ready', help: '1 once the digests are summed: comparisons wait for it.' },
    () => Number(store.digestsReady),
  );
  metrics.counter(
    {
      name: 'kvs_future_versions_total',
      help: 'Versions from other nodes whose clock stood too far ahead to be followed.',
    },
    () => store.stats().futureVersions,
  );
  metrics.counter(
    { name: 'kvs_cache_hits_total', help: 'Versions that memory had.' },
    () => store.stats().cacheHits,
  );
  metrics.counter(
    { name: 'kvs_cache_misses_total', help: 'Versions that were read from the disk.' },
    () => store.stats().cacheMisses,
  );
  metrics.gauge({ name: 'kvs_cache_entries', help: 'Versions in memory.' }, () => store.stats().cacheEntries);
  metrics.gauge({ name: 'kvs_cache_bytes', help: 'What they take.' }, () => store.stats().cacheBytes);
}

/** Properties of RocksDB that are one number: the metric, the property, the help. */
const properties: readonly (readonly [name: string, property: string, help: string])[] = [
  ['kvs_rocksdb_estimated_keys', 'estimate-num-keys', 'Keys of the engine, about; a version has three.'],
  ['kvs_rocksdb_live_data_bytes', 'estimate-live-data-size', 'Data that a compaction would leave, about.'],
  ['kvs_rocksdb_table_files_bytes', 'total-sst-files-size', 'Table files on the disk.'],
  [
    'kvs_rocksdb_memtable_bytes',
    'cur-size-all-mem-tables',
    'Memory that holds what is not in table files yet.',
  ],
  [
    'kvs_rocksdb_table_reader_bytes',
    'estimate-table-readers-mem',
    'Memory for indexes and filters of table files.',
  ],
  ['kvs_rocksdb_block_cache_bytes', 'block-cache-usage', 'Memory for blocks of table files.'],
  ['kvs_rocksdb_level0_files', 'num-files-at-level0', 'Table files that no compaction has touched.'],
  [
    'kvs_rocksdb_pending_compaction_bytes',
    'estimate-pending-compaction-bytes',
    'What compactions are behind with, about.',
  ],
  ['kvs_rocksdb_running_compactions', 'num-running-compactions', 'Compactions under way.'],
  ['kvs_rocksdb_running_flushes', 'num-running-flushes', 'Memtables on their way into table files.'],
  [
    'kvs_rocksdb_background_errors',
    'background-errors',
    'Errors of flushes and compactions since the start.',
  ],
  ['kvs_rocksdb_write_stopped', 'is-write-stopped', '1 while the engine lets writes wait for compactions.'],
];

function describeEngine(metrics: Metrics, { engine }: MetricSources): void {
  for (const [name, property, help] of properties) {
    metrics.gauge({ name, help }, async () => {
      const value = await engine.getProperty(`rocksdb.${property}`);
      return value === undefined ? [] : Number(value);
    });
  }
}

const states: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

function describeMembers(metrics: Metrics, { cluster, status }: MetricSources): void {
  const { members } = cluster;
  const others = () => [...members.present(), ...members.absent()];
  metrics.gauge(
    {
      name: 'kvs_members',
      help: 'Members that are not forgotten, by state, this node included.',
      labels: ['state'],
    },
    () => {
      const all = [members.self, ...others()];
      return states.map((state) => ({
        labels: { state },
        value: all.filter((member) => member.state === state).length,
      }));
    },
  );
  metrics.gauge(
    {
      name: 'kvs_member_last_contact_timestamp_seconds',
      help: 'When a member last gave a sign of life to this node, since the epoch.',
      labels: ['member'],
    },
    () => others().map(({ id, lastSeen }) => ({ labels: { member: id }, value: lastSeen / 1_000 })),
  );
  metrics.gauge(
    {
      name: 'kvs_tombstones_held',
      help: 'Tombstones past their retention that are kept because this member has not claimed them.',
      labels: ['member'],
    },
    () => {
      const held = status.heldTombstones();
      return held === undefined ? [] : [{ labels: { member: held.member }, value: held.count }];
    },
  );
}

function describeReplication(metrics: Metrics, { cluster, inspector, clock }: MetricSources): void {
  const { members, outboxes, tally } = cluster;
  const ofPresent = (read: (id: string) => number): readonly Sample[] =>
    members.present().map(({ id }) => ({ labels: { member: id }, value: read(id) }));
  metrics.gauge(
    {
      name: 'kvs_push_queue_versions',
      help: 'Versions that wait to be pushed to a member.',
      labels: ['member'],
    },
    () => ofPresent((id) => outboxes.size(id)),
  );
  metrics.gauge(
    {
      name: 'kvs_push_lag_seconds',
      help: 'Age of the version that waits longest to be pushed to a member; 0 when none does.',
      labels: ['member'],
    },
    () =>
      ofPresent((id) => {
        const oldest = outboxes.oldest(id);
        return oldest === undefined ? 0 : Math.max(clock.now() - oldest.timestamp, 0) / 1_000;
      }),
  );
  metrics.gauge(
    {
      name: 'kvs_member_behind',
      help: '1 for a member that this node compares its data with, or is about to.',
      labels: ['member'],
    },
    () => {
      const { behind, partner } = contextOf(inspector, 'syncer');
      const all = new Set([...((behind as readonly string[] | undefined) ?? []), partner]);
      return ofPresent((id) => Number(all.has(id)));
    },
  );
  metrics.counter(
    {
      name: 'kvs_sync_rounds_total',
      help: 'Comparisons that this node began, by how they ended.',
      labels: ['outcome'],
    },
    () => samplesBy('outcome', tally.exchanges),
  );
  metrics.counter(
    {
      name: 'kvs_sync_differences_total',
      help: 'Versions that comparisons found missing: fetched to this node, or pushed to the member.',
      labels: ['direction'],
    },
    () => samplesBy('direction', tally.differences),
  );
  metrics.counter(
    {
      name: 'kvs_conflicts_detected_total',
      help: 'How often two versions of one key and one instant were seen.',
    },
    () => tally.conflictsDetected,
  );
  metrics.counter(
    {
      name: 'kvs_conflicts_total',
      help: 'Keys that this node took to a vote, by its outcome.',
      labels: ['outcome'],
    },
    () => samplesBy('outcome', tally.conflicts),
  );
}

function describePeerTraffic(metrics: Metrics, { meters, cluster }: MetricSources): void {
  const { peers } = meters;
  metrics.counter(
    {
      name: 'kvs_peer_calls_total',
      help: 'Calls of this node to its peers; a refusal is an answer.',
      labels: ['call', 'outcome'],
    },
    () => peers.calls(),
  );
  metrics.histogram(
    {
      name: 'kvs_peer_call_duration_seconds',
      help: 'Time for one call to a peer, or until it was given up.',
    },
    () => peers.latencies(),
  );
  for (const direction of ['sent', 'received'] as const) {
    metrics.counter(
      {
        name: `kvs_peer_${direction}_bytes_total`,
        help: `Bytes of messages ${direction}, by whether this node called or answered; without the headers of HTTP.`,
        labels: ['role'],
      },
      () =>
        Object.entries(peers.bytes).map(([role, bytes]) => ({ labels: { role }, value: bytes[direction] })),
    );
    metrics.counter(
      {
        name: `kvs_member_${direction}_bytes_total`,
        help: `Bytes of messages ${direction}, calls and answers, by the member at the other end.`,
        labels: ['member'],
      },
      () =>
        cluster.links().map((link) => ({ labels: { member: link.id }, value: link[`${direction}Bytes`] })),
    );
  }
}

function samplesBy(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** What an actor shows under /debug. */
function contextOf(inspector: MetricSources['inspector'], id: string): Record<string, unknown> {
  const actor = inspector.actors().find((candidate) => candidate.id === id);
  return (actor?.context ?? {}) as Record<string, unknown>;
}
