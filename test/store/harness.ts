import { MemoryLevel } from 'memory-level';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { Logger, Random, WriteRequest } from '../../src/core/ports.ts';
import type { Version } from '../../src/core/version.ts';
import type { Level } from '../../src/store/level.ts';
import {
  openVersionStore,
  type OpenVersionStore,
  type VersionStoreOptions,
} from '../../src/store/version-store.ts';

/** A wall clock that stands where it is put. */
export class FixedClock {
  ms = 1_700_000_000_000;
  now = () => this.ms;
}

/** UUIDs in ascending order. */
export class CountingRandom implements Random {
  #count = 0;
  next = () => 0.5;
  uuid = () => testUuid(++this.#count);
}

export function testUuid(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Keeps what was logged. */
export class RecordingLogger implements Logger {
  readonly lines: { level: string; message: string }[] = [];
  debug = (message: string) => void this.lines.push({ level: 'debug', message });
  info = (message: string) => void this.lines.push({ level: 'info', message });
  warn = (message: string) => void this.lines.push({ level: 'warn', message });
  error = (message: string) => void this.lines.push({ level: 'error', message });
}

export function memoryLevel(): Level {
  return new MemoryLevel<Uint8Array, Uint8Array>({ storeEncoding: 'view' }) as unknown as Level;
}

export const hourMs = 3_600_000;

export interface StoreUnderTest {
  readonly store: OpenVersionStore;
  readonly clock: FixedClock;
  readonly logger: RecordingLogger;
}

export async function openTestStore(
  level: Level,
  overrides: Partial<VersionStoreOptions> & { clock?: FixedClock } = {},
): Promise<StoreUnderTest> {
  const clock = overrides.clock ?? new FixedClock();
  const logger = new RecordingLogger();
  const store = await openVersionStore({
    level,
    nodeId: 'node1',
    durable: true,
    random: new CountingRandom(),
    tombstoneRetentionMs: 24 * hourMs,
    revisionsKept: 3,
    maxClockDriftMs: 60_000,
    cacheBytes: 1_000_000,
    logger,
    ...overrides,
    clock,
  });
  return { store, clock, logger };
}

export function path(text: string): KeyPath {
  return text as KeyPath;
}

export function put(key: string, value: string, expiresAt?: number): WriteRequest {
  return {
    kind: 'put',
    path: path(key),
    contentType: 'application/json',
    data: Buffer.from(value),
    expiresAt,
  };
}

export function del(key: string): WriteRequest {
  return { kind: 'delete', path: path(key) };
}

/** A version as another node would send it. */
export function foreign(change: Partial<Version> = {}): Version {
  return {
    uuid: 'ffffffff-0000-4000-8000-000000000001',
    timestamp: 1_700_000_000_000,
    counter: 0,
    origin: 'node2',
    originJoined: 1_600_000_000_000,
    votes: 0,
    deleted: false,
    expiresAt: undefined,
    contentType: 'application/json',
    data: change.deleted === true ? new Uint8Array(0) : Buffer.from('"foreign"'),
    ...change,
  };
}

export function text(version: Version | undefined | null): string | undefined {
  return version === undefined || version === null ? undefined : Buffer.from(version.data).toString();
}
