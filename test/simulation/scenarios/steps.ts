import { expect } from 'vitest';
import type { KeyPath } from '../../../src/core/key-path.ts';
import type { MemberState } from '../../../src/core/membership.ts';
import type { Decision, MembershipChange } from '../../../src/core/ports.ts';
import { isAbsentAt, type Version } from '../../../src/core/version.ts';
import type { StoredVersion } from '../../../src/store/version-record.ts';
import type { RunningKvs } from '../kvs-node.ts';
import type { SimulatedNode } from '../lib/simulated-node.ts';
import { addressOf, SimulatedCluster, type SimulatedClusterOptions } from '../simulated-cluster.ts';

/*
 * The steps that scenarios are made of. Nodes are named by their index, from 0. Whatever waits fails with what it
 * waited for.
 */

/** How long a step may take, ms of simulated time. */
const stepMsMax = 60_000;

const hourMs = 3_600_000;

export type ScenarioOptions = Omit<SimulatedClusterOptions, 'seed'> & { readonly seed?: number };

/** A retention in the unit of the configuration. */
export function retention(ms: number): { readonly tombstone_retention_hours: number } {
  return { tombstone_retention_hours: ms / hourMs };
}

/** A configuration under which nodes compare without a pause. */
export const withoutPauses = { throttle_delay_ms: 0, fetch_delay_ms: 0 } as const;

/** `prefix/0`, `prefix/1` and so on. */
export function paths(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}/${index}`);
}

/** A cluster whose nodes are all down. */
export function makeCluster({ seed = 1, ...options }: ScenarioOptions): SimulatedCluster {
  return new SimulatedCluster({ seed, ...options });
}

/** A cluster whose nodes serve and know each other. */
export async function startCluster(options: ScenarioOptions): Promise<SimulatedCluster> {
  const cluster = makeCluster(options);
  cluster.startAll();
  await settle(cluster);
  return cluster;
}

/** Lets the world go on until something is the case. */
export async function waitFor(
  { world }: SimulatedCluster,
  what: string,
  isSo: () => boolean,
  withinMs = stepMsMax,
): Promise<void> {
  const { end } = await world.run({ until: isSo, untilMs: world.clock.elapsedMs + withinMs });
  if (end !== 'reached') throw new Error(`Not within ${withinMs} ms: ${what}`);
}

/** Lets time go by. */
export async function pass({ world }: SimulatedCluster, ms: number): Promise<void> {
  await world.run({ untilMs: world.clock.elapsedMs + ms });
}

/** Lets the world go on until a promise settles. */
export async function complete<T>(cluster: SimulatedCluster, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => (isSettled = true));
  settled.catch(() => undefined);
  await waitFor(cluster, 'the call settles', () => isSettled);
  return settled;
}

/** Waits until all nodes serve, know each other to be alive and hold the same. */
export async function settle(cluster: SimulatedCluster, withinMs = stepMsMax): Promise<void> {
  await waitFor(
    cluster,
    'all nodes are settled and equal',
    () => cluster.isSettled() && cluster.isEqual(),
    withinMs,
  );
}

export function machine({ world }: SimulatedCluster, index: number): SimulatedNode {
  return world.node(addressOf(index));
}

/** The run of a node that serves. */
export function running(cluster: SimulatedCluster, index: number): RunningKvs {
  const node = cluster.running.get(addressOf(index));
  if (node === undefined) throw new Error(`${addressOf(index)} does not serve`);
  return node;
}

/** Puts an empty disk into a machine that is down. */
export function loseDisk(cluster: SimulatedCluster, index: number): void {
  machine(cluster, index).disk.replace(undefined);
  cluster.history.forgetDisk(addressOf(index));
}

/** Starts a node and waits until it serves. */
export async function start(cluster: SimulatedCluster, index: number): Promise<void> {
  machine(cluster, index).start();
  await waitFor(cluster, `${addressOf(index)} serves`, () => isReady(cluster, index));
}

export function isReady(cluster: SimulatedCluster, index: number): boolean {
  return cluster.running.get(addressOf(index))?.status.isReady() === true;
}

/** Lets groups of nodes reach only each other. */
export function split({ world }: SimulatedCluster, ...groups: readonly (readonly number[])[]): void {
  world.network.partition(groups.map((group) => group.map(addressOf)));
}

export function heal({ world }: SimulatedCluster): void {
  world.network.heal();
}

/** Cuts both directions between two nodes. */
export function cutBetween({ world }: SimulatedCluster, a: number, b: number): void {
  world.network.cut(addressOf(a), addressOf(b));
  world.network.cut(addressOf(b), addressOf(a));
}

/** Writes, and waits for the acknowledgement. */
export async function put(
  cluster: SimulatedCluster,
  index: number,
  path: string,
  value: unknown,
): Promise<Version> {
  return acknowledged(await complete(cluster, cluster.put(addressOf(index), path, value)));
}

/** Deletes, and waits for the acknowledgement. */
export async function remove(cluster: SimulatedCluster, index: number, path: string): Promise<Version> {
  return acknowledged(await complete(cluster, cluster.delete(addressOf(index), path)));
}

/** Writes one value to many keys at once, and waits for all acknowledgements. */
export async function putAll(
  cluster: SimulatedCluster,
  index: number,
  keys: readonly string[],
  value: unknown,
): Promise<void> {
  const writes = keys.map((path) => cluster.put(addressOf(index), path, value));
  (await complete(cluster, Promise.all(writes))).forEach(acknowledged);
}

/** Deletes many keys at once, and waits for all acknowledgements. */
export async function removeAll(
  cluster: SimulatedCluster,
  index: number,
  keys: readonly string[],
): Promise<void> {
  const writes = keys.map((path) => cluster.delete(addressOf(index), path));
  (await complete(cluster, Promise.all(writes))).forEach(acknowledged);
}

/** Writes different values of one key on several nodes in the same instant. */
export async function putAtOnce(
  cluster: SimulatedCluster,
  indexes: readonly number[],
  path: string,
): Promise<readonly Version[]> {
  const writes = indexes.map((index) => cluster.put(addressOf(index), path, `by n${index + 1}`));
  return (await complete(cluster, Promise.all(writes))).map(acknowledged);
}

function acknowledged(version: Version | undefined): Version {
  if (version === undefined) throw new Error('The write was refused');
  return version;
}

/** What a store holds of a key, tombstones included. */
export async function stored(
  cluster: SimulatedCluster,
  index: number,
  path: string,
): Promise<StoredVersion | undefined> {
  const version = await complete(cluster, running(cluster, index).store.get(path as KeyPath));
  return version as StoredVersion | undefined;
}

/** What clients of a node read; undefined where the key is absent. */
export async function read(cluster: SimulatedCluster, index: number, path: string): Promise<unknown> {
  const version = await stored(cluster, index, path);
  if (version === undefined || isAbsentAt(version, machine(cluster, index).clock.now())) return undefined;
  return JSON.parse(new TextDecoder().decode(version.data));
}

/** What clients read at each of some nodes; default: all that serve. */
export async function readAll(
  cluster: SimulatedCluster,
  path: string,
  indexes: readonly number[] = serving(cluster),
): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  for (const index of indexes) values.push(await read(cluster, index, path));
  return values;
}

/** Settles; then clients read a value at every node. */
export async function expectEverywhere(
  cluster: SimulatedCluster,
  path: string,
  value: unknown,
): Promise<void> {
  await settle(cluster);
  const values = await readAll(cluster, path);
  expect({ path, values }).toEqual({ path, values: values.map(() => value) });
}

function serving(cluster: SimulatedCluster): readonly number[] {
  return cluster.world.nodes.flatMap(({ name }, index) => (cluster.running.has(name) ? [index] : []));
}

/** Waits until some nodes hold nothing of a key any more, not even a tombstone; default: all that serve. */
export async function waitForRemoval(
  cluster: SimulatedCluster,
  path: string,
  indexes: readonly number[] = serving(cluster),
): Promise<void> {
  const lookEveryMs = 250;
  for (let waitedMs = 0; waitedMs < stepMsMax; waitedMs += lookEveryMs) {
    const held: unknown[] = [];
    for (const index of indexes) held.push(await stored(cluster, index, path));
    if (held.every((version) => version === undefined)) return;
    await pass(cluster, lookEveryMs);
  }
  throw new Error(`Not within ${stepMsMax} ms: ${path} is removed`);
}

/** Waits until some nodes hold the same. */
export async function waitForEqual(cluster: SimulatedCluster, indexes: readonly number[]): Promise<void> {
  const rootOf = (index: number): string => running(cluster, index).store.rootDigest().join();
  await waitFor(cluster, 'the stores are equal', () => new Set(indexes.map(rootOf)).size === 1);
}

/** What a node holds a member for; undefined for one that it does not know, and while it does not serve. */
export function stateOf(cluster: SimulatedCluster, viewer: number, id: string): MemberState | undefined {
  return cluster.running.get(addressOf(viewer))?.cluster.members.get(id)?.state;
}

/** Waits until some nodes hold a member for what it is. */
export async function waitForState(
  cluster: SimulatedCluster,
  viewers: readonly number[],
  id: string,
  state: MemberState | undefined,
): Promise<void> {
  await waitFor(cluster, `${id} is ${state}`, () =>
    viewers.every((viewer) => stateOf(cluster, viewer, id) === state),
  );
}

/** Notes what the present runs of all nodes tell of members from now on, as `viewer: member change`. */
export function noteChanges(cluster: SimulatedCluster): readonly string[] {
  const noted: string[] = [];
  for (const { members } of [...cluster.running.values()].map((node) => node.cluster)) {
    members.onChange(({ change, member }: MembershipChange) =>
      noted.push(`${members.self.id}: ${member.id} ${change}`),
    );
  }
  return noted;
}

/** What an actor of a node shows of itself. */
export function contextOf(
  cluster: SimulatedCluster,
  index: number,
  actor: string,
): Readonly<Record<string, unknown>> {
  const shown = running(cluster, index).inspector.actor(actor)?.context;
  return (shown ?? {}) as Readonly<Record<string, unknown>>;
}

/** The conflicts that votes of the nodes that serve have decided, of one key. */
export function decisions(cluster: SimulatedCluster, path: string): readonly Decision[] {
  return serving(cluster).flatMap((index) => {
    const made = contextOf(cluster, index, 'conflict-resolver')['decisions'] as readonly Decision[];
    return made.filter((decision) => decision.path === path);
  });
}

/** How many requests of some kinds were sent by now. */
export function requests({ world }: SimulatedCluster, ...kinds: readonly string[]): number {
  return kinds.reduce((sum, kind) => sum + world.network.counters.of(kind).messages, 0);
}
