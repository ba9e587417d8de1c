import type { KeyPath } from '../core/key-path.ts';
import type { VersionStore } from '../core/ports.ts';
import type { KeyVersion } from '../core/version.ts';

export interface MergerOptions {
  readonly store: Pick<VersionStore, 'merge'>;
  /** Keys of which two versions stand at the same instant. */
  readonly onConflict: (paths: readonly KeyPath[]) => void;
  /** Versions that were new here and that came as a rumour, from a member that needs no telling. */
  readonly onRumour: (versions: readonly KeyVersion[], from: string) => void;
}

export interface MergeSummary {
  readonly newer: KeyVersion[];
  readonly hasConflict: boolean;
}

/** Takes in what comes from peers: the one place where versions enter from outside, whatever brought them. */
export class Merger {
  readonly #options: MergerOptions;

  constructor(options: MergerOptions) {
    this.#options = options;
  }

  /**
   * Settles, when all is durable, with the versions that are greater than those that came, and with whether a vote
   * must decide before this node holds all of it or something greater.
   */
  async merge(
    versions: readonly KeyVersion[],
    { from, isRumour = false }: { readonly from: string; readonly isRumour?: boolean },
  ): Promise<MergeSummary> {
    const newer: KeyVersion[] = [];
    const conflicts: KeyPath[] = [];
    const accepted: KeyVersion[] = [];
    if (versions.length === 0) return { newer, hasConflict: false };
    const results = await this.#options.store.merge(versions);
    versions.forEach((version, index) => {
      const result = results[index];
      if (result?.outcome === 'stale') newer.push({ path: version.path, version: result.current });
      else if (result?.outcome === 'conflict') conflicts.push(version.path);
      else if (result?.outcome === 'accepted') accepted.push(version);
    });
    if (conflicts.length > 0) this.#options.onConflict(conflicts);
    if (isRumour && accepted.length > 0) this.#options.onRumour(accepted, from);
    return { newer, hasConflict: conflicts.length > 0 };
  }
}
