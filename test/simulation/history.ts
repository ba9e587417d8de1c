import type { KeyPath } from '../../src/core/key-path.ts';
import type { Commit } from '../../src/core/ports.ts';
import { compareVersions, diedAtMs, isMortal, type Version } from '../../src/core/version.ts';

/** A promise that was not kept. */
export class Violation extends Error {
  constructor(promise: string, detail: string) {
    super(`${promise}: ${detail}`);
    this.name = 'Violation';
  }
}

export interface HistoryOptions {
  readonly retentionMs: number;
  /** The latest that any node's clock ever showed, ms since the epoch. */
  readonly latestMs: () => number;
}

/** All that was acknowledged in a run, and all that each store ever held: what the promises are checked against. */
export class History {
  readonly #options: HistoryOptions;
  /** By path: the greatest version that any store ever held, acknowledged ones included. */
  readonly #greatest = new Map<KeyPath, Version>();
  /** By path: every uuid that a node made, acknowledged or not. */
  readonly #made = new Map<KeyPath, Set<string>>();
  /** By node and path: the version that its store committed last. */
  readonly #held = new Map<string, Map<KeyPath, Version>>();
  /** By path and stamp: the uuids of the versions that were ever held. */
  readonly #uuids = new Map<string, Set<string>>();
  #acknowledgements = 0;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  get acknowledgements(): number {
    return this.#acknowledgements;
  }

  get paths(): readonly KeyPath[] {
    return [...this.#made.keys()];
  }

  /**
   * A client has its answer. `before`: what its node held when it asked.
   *
   * @throws Violation when the write does not win over what its node had seen
   */
  acknowledge(node: string, path: KeyPath, version: Version, before: Version | undefined): void {
    this.#acknowledgements++;
    if (before !== undefined && compareVersions(version, before) <= 0) {
      throw new Violation(
        'A later write wins over what its writer saw',
        `${node} wrote ${told(version)} over ${told(before)}`,
      );
    }
    this.#noteGreatest(path, version);
  }

  /** A store has written, and may tell others of it, though it may lose it yet. */
  write({ changes }: Commit): void {
    for (const { path, version, local } of changes) if (local) this.#noteMade(path, version);
  }

  /**
   * A store has committed.
   *
   * @throws Violation when it went back from a version that it once held. What it had collected it may be told again by
   * a member that was told by another one before that one heard of the deletion; it must not last, which the end shows.
   */
  commit(node: string, { changes }: Commit): void {
    const held = this.#held.get(node) ?? new Map<KeyPath, Version>();
    this.#held.set(node, held);
    for (const { path, version, local } of changes) {
      const before = held.get(path);
      if (before !== undefined && compareVersions(version, before) < 0 && (local || !this.isPast(before))) {
        throw new Violation(
          before.deleted ? 'Deletes stay deleted' : 'What a node merged is never lost',
          `${node} went from ${told(before)} to ${told(version)} at ${path}`,
        );
      }
      held.set(path, version);
      this.#noteInstant(path, version);
      this.#noteGreatest(path, version);
    }
  }

  /**
   * A node serves again, with what its disk kept: all that its store ever told of, and perhaps a write that its process
   * did not live to tell of.
   *
   * @throws Violation when the disk holds less than its store had told
   */
  reopen(node: string, nodeId: string, versions: ReadonlyMap<KeyPath, Version>): void {
    const held = this.#held.get(node) ?? new Map<KeyPath, Version>();
    this.#held.set(node, held);
    for (const [path, before] of held) {
      const version = versions.get(path);
      if (version === undefined ? isMortal(before) : compareVersions(version, before) >= 0) continue;
      throw new Violation(
        'What a node merged is never lost',
        `${node} came back with ${version === undefined ? 'nothing' : told(version)} instead of ${told(before)} at ${path}`,
      );
    }
    for (const [path, version] of versions) {
      held.set(path, version);
      this.#noteInstant(path, version);
      this.#noteGreatest(path, version);
      if (version.origin === nodeId) this.#noteMade(path, version);
    }
  }

  /** The version that a store committed last. */
  held(node: string, path: KeyPath): Version | undefined {
    return this.#held.get(node)?.get(path);
  }

  /** Up to which version so many of some nodes hold a key: each of them holds that one or a greater one. */
  heldByAll(path: KeyPath, nodes: readonly string[], count: number): Version | undefined {
    const versions = nodes.flatMap((node) => this.held(node, path) ?? []);
    return versions.toSorted((a, b) => compareVersions(b, a))[count - 1];
  }

  /** Whether some store ever held another version of the same instant. */
  hasRival(path: KeyPath, version: Version): boolean {
    return (this.#uuids.get(instantOf(path, version))?.size ?? 0) > 1;
  }

  tell(version: Version | undefined): string {
    return version === undefined ? 'nothing' : told(version);
  }

  /** A machine came back with an empty disk. */
  forgetDisk(node: string): void {
    this.#held.delete(node);
  }

  /** Whether what a node holds of a key is what all must hold in the end: the greatest version, or nothing that lives. */
  isFinal(path: KeyPath, version: Version | undefined): boolean {
    const greatest = this.#greatest.get(path);
    if (greatest === undefined || this.isPast(greatest)) return version === undefined || this.isPast(version);
    return version?.uuid === greatest.uuid && version.votes === greatest.votes;
  }

  /**
   * Compares what a node holds in the end with all that was ever acknowledged or held.
   *
   * @throws Violation
   */
  checkFinal(node: string, versions: ReadonlyMap<KeyPath, Version>): void {
    for (const [path, greatest] of this.#greatest) {
      const version = versions.get(path);
      if (this.isFinal(path, version)) continue;
      throw new Violation(
        isMortal(greatest) ? 'Deletes stay deleted' : 'Acknowledged means kept, and all replicas are equal',
        `${node} holds ${version === undefined ? 'nothing' : told(version)} instead of ${told(greatest)} at ${path}`,
      );
    }
    for (const [path, version] of versions) {
      if (this.#made.get(path)?.has(version.uuid) !== true) {
        throw new Violation('Nothing is invented', `${node} holds ${told(version)} at ${path}`);
      }
    }
  }

  /** Dead for longer than the retention, by the clock that is farthest ahead: any node may have collected it. */
  isPast(version: Version): boolean {
    const { retentionMs, latestMs } = this.#options;
    return isMortal(version) && diedAtMs(version) < latestMs() - retentionMs;
  }

  #noteGreatest(path: KeyPath, version: Version): void {
    const known = this.#greatest.get(path);
    if (known === undefined || compareVersions(version, known) > 0) this.#greatest.set(path, version);
  }

  #noteInstant(path: KeyPath, version: Version): void {
    const instant = instantOf(path, version);
    this.#uuids.set(instant, (this.#uuids.get(instant) ?? new Set()).add(version.uuid));
  }

  #noteMade(path: KeyPath, { uuid }: Version): void {
    this.#made.set(path, (this.#made.get(path) ?? new Set()).add(uuid));
  }
}

function instantOf(path: KeyPath, { timestamp, counter }: Version): string {
  return `${timestamp}.${counter} ${path}`;
}

function told({ uuid, timestamp, counter, votes, origin, deleted }: Version): string {
  const what = deleted ? 'tombstone' : 'version';
  return `${what} ${uuid.slice(0, 8)} of ${origin} (${timestamp}.${counter}, ${votes} votes)`;
}
