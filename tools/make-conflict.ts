import { randomUUID } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { defaultOf } from '../src/config.ts';
import { KvsError } from '../src/core/errors.ts';
import { parsePath } from '../src/core/key-path.ts';
import type { Logger } from '../src/core/ports.ts';
import type { Version } from '../src/core/version.ts';
import { oneLine } from '../src/core/one-line.ts';
import type { Level } from '../src/store/level.ts';
import { RocksdbLevel } from '../src/store/rocksdb-level.ts';
import { openVersionStore, type OpenVersionStore } from '../src/store/version-store.ts';
import { bootId, systemRandom } from '../src/system.ts';

const usage = `Usage: npm run make-conflict -- DIR1 DIR2

Prepares two data folders that hold one key with the same timestamp and different values, as two nodes that were
written to at the same instant do. A folder is made when it does not exist. Nothing is written when one of them holds
the key already or is in use by a node.
`;

const path = parsePath('test/conflict');

/** So much older is the first folder, when both are new: in a tie of votes the version of the oldest node stays. */
const ageDifferenceMs = 60_000;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Why nothing was done, for whoever asked for it. */
class Refusal extends Error {}

interface Side {
  /** As it was given. */
  readonly folder: string;
  /** The node that has this folder in `configs/`. */
  readonly nodeId: string;
  readonly store: OpenVersionStore;
}

async function makeConflict(folders: readonly [string, string]): Promise<void> {
  if (resolve(folders[0]) === resolve(folders[1])) {
    throw new Refusal(`${folders[0]} and ${folders[1]} are one folder; two are needed`);
  }
  const nowMs = Date.now();
  const first = await open(folders[0], 'node1', nowMs - ageDifferenceMs);
  try {
    const second = await open(folders[1], 'node2', nowMs);
    try {
      await assertUsable(first, second);
      const sides = [first, second].map((side) => ({ side, version: versionFor(side, nowMs) }));
      for (const { side, version } of sides) await side.store.merge([{ path, version }]);
      process.stdout.write(report(sides, nowMs));
    } finally {
      await second.store.close();
    }
  } finally {
    await first.store.close();
  }
}

/** `createdAtMs`: when the folder was made, if it is made now. */
async function open(folder: string, nodeId: string, createdAtMs: number): Promise<Side> {
  try {
    const store = await openVersionStore({
      level: new RocksdbLevel<Uint8Array, Uint8Array>(folder) as unknown as Level,
      nodeId,
      durable: true,
      clock: { now: () => createdAtMs },
      random: systemRandom,
      logger: silent,
      tombstoneRetentionMs: Number(defaultOf('tombstone_retention_hours', '')) * 3_600_000,
      revisionsKept: Number(defaultOf('revisions_kept', '')),
      maxClockDriftMs: Number(defaultOf('max_clock_drift_ms', '')),
      cacheBytes: 0,
      bootId: bootId(),
    });
    return { folder, nodeId, store };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED') {
      throw new Refusal(`${folder} is in use by a node; stop it first`, { cause });
    }
    if (cause instanceof KvsError) throw new Refusal(cause.message, { cause });
    throw error;
  }
}

async function assertUsable(first: Side, second: Side): Promise<void> {
  for (const { folder, store } of [first, second]) {
    if ((await store.get(path)) !== undefined) {
      throw new Refusal(`${folder} holds the key ${path} already; take folders that do not`);
    }
  }
  if (first.store.createdAt >= second.store.createdAt) {
    throw new Refusal(`${second.folder} is older than ${first.folder}; name the older folder first`);
  }
}

function versionFor({ folder, nodeId, store }: Side, timestamp: number): Version {
  return {
    uuid: randomUUID(),
    timestamp,
    counter: 0,
    origin: nodeId,
    originJoined: store.createdAt,
    votes: 0,
    deleted: false,
    expiresAt: undefined,
    contentType: 'application/json',
    data: Buffer.from(JSON.stringify({ message: `written in ${basename(folder)}` })),
  };
}

function report(sides: readonly { side: Side; version: Version }[], timestamp: number): string {
  const held = sides.map(
    ({ side, version }) =>
      `  ${side.folder}  ${Buffer.from(version.data).toString()}  uuid ${version.uuid}, ` +
      `of a node since ${new Date(version.originJoined).toISOString()}\n`,
  );
  return [
    `The key ${path} now has two versions of one instant, ${new Date(timestamp).toISOString()}:\n\n`,
    ...held,
    `\nA vote of the two nodes is a tie, so the version of the older one should stay, that of ${sides[0]?.side.folder}.\n`,
    ...starts(sides.map(({ side }) => side)),
    `\nAnd see what each of them holds:\n\n`,
    ...[8081, 8082].map((port) => `  curl http://127.0.0.1:${port}/kv/${path}\n`),
  ].join('');
}

/** How to start nodes on these folders. */
function starts(sides: readonly Side[]): string[] {
  if (sides.every(({ folder, nodeId }) => resolve(folder) === resolve(nodeId.replace('node', 'data')))) {
    return ['Start the nodes:\n\n', '  npm run cluster -- configs/node1.yaml configs/node2.yaml\n'];
  }
  const commands = sides.map(
    ({ folder, nodeId }) => `  KVS_DATA_DIR=${quoted(folder)} npm start -- configs/${nodeId}.yaml\n`,
  );
  return ['Start the nodes, each in a terminal of its own:\n\n', ...commands];
}

function quoted(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

const [first, second, ...others] = process.argv.slice(2);
if (first === '--help' || first === '-h') {
  process.stdout.write(usage);
} else if (first === undefined || second === undefined || others.length > 0) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  try {
    await makeConflict([first, second]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`make-conflict: ${oneLine(error.message)}\n`);
    process.exitCode = 1;
  }
}
