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

/** All that was acknowledged in a run, and all that each store ever held: what the promises are checked against. */
export class History {
  /** By path: the greatest version that any client got an acknowledgement for. */
  readonly #acknowledged = new Map<KeyPath, Version>();
  /** By path: every uuid that a node made, acknowledged or not. */
  readonly #made = new Map<KeyPath, Set<string>>();
  /** By node and path: the greatest version that its store ever committed. */
  readonly #held = new Map<string, Map<KeyPath, Version>>();
  #acknowledgements = 0;

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
    const known = this.#acknowledged.get(path);
    if (known === undefined || compareVersions(version, known) > 0) this.#acknowledged.set(path, version);
  }

  /**
   * A store has committed.
   *
   * @throws Violation when it went back from a version that it once held
   */
  commit(node: string, { changes }: Commit): void {
    const held = this.#held.get(node) ?? new Map<KeyPath, Version>();
    this.#held.set(node, held);
    for (const { path, version, local } of changes) {
      if (local) this.#noteMade(path, version);
      const before = held.get(path);
      if (before !== undefined && compareVersions(version, before) < 0) {
        throw new Violation(
          before.deleted ? 'Deletes stay deleted' : 'What a node merged is never lost',
          `${node} went from ${told(before)} to ${told(version)} at ${path}`,
        );
      }
      held.set(path, version);
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
      if (version.origin === nodeId) this.#noteMade(path, version);
    }
  }

  /** The greatest version that a store ever committed. */
  held(node: string, path: KeyPath): Version | undefined {
    return this.#held.get(node)?.get(path);
  }

  /** A machine came back with an empty disk. */
  forgetDisk(node: string): void {
    this.#held.delete(node);
  }

  /**
   * Compares what a node holds in the end with all that was acknowledged. `nowMs`: the latest by any node's clock.
   *
   * @throws Violation
   */
  checkFinal(
    node: string,
    versions: ReadonlyMap<KeyPath, Version>,
    retentionMs: number,
    nowMs: number,
  ): void {
    for (const [path, acknowledged] of this.#acknowledged) {
      const version = versions.get(path);
      if (version === undefined) {
        const isCollected = isMortal(acknowledged) && diedAtMs(acknowledged) < nowMs - retentionMs;
        const wasBeaten = this.#held.get(node)?.get(path);
        if (isCollected || (wasBeaten !== undefined && isMortal(wasBeaten))) continue;
        throw new Violation('Acknowledged means kept', `${node} lacks ${told(acknowledged)} at ${path}`);
      }
      if (compareVersions(version, acknowledged) < 0) {
        throw new Violation(
          acknowledged.deleted ? 'Deletes stay deleted' : 'Acknowledged means kept',
          `${node} holds ${told(version)} instead of ${told(acknowledged)} at ${path}`,
        );
      }
    }
    for (const [path, version] of versions) {
      if (this.#made.get(path)?.has(version.uuid) !== true) {
        throw new Violation('Nothing is invented', `${node} holds ${told(version)} at ${path}`);
      }
    }
  }

  #noteMade(path: KeyPath, { uuid }: Version): void {
    this.#made.set(path, (this.#made.get(path) ?? new Set()).add(uuid));
  }
}

function told({ uuid, timestamp, counter, votes, origin, deleted }: Version): string {
  const what = deleted ? 'tombstone' : 'version';
  return `${what} ${uuid.slice(0, 8)} of ${origin} (${timestamp}.${counter}, ${votes} votes)`;
}
