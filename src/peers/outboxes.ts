import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { Membership, Random } from '../core/ports.ts';
import { shuffled } from '../core/shuffled.ts';
import { compareVersions, type KeyVersion, type Version } from '../core/version.ts';
import { pageOf } from './pages.ts';

/** What waits for one member: the greatest version of each key, the oldest first. */
class Outbox {
  readonly #versions = new Map<KeyPath, Version>();
  #bytes = 0;

  get size(): number {
    return this.#versions.size;
  }

  get oldest(): Version | undefined {
    return this.#versions.values().next().value;
  }

  /** False when it does not fit. */
  add({ path, version }: KeyVersion): boolean {
    const before = this.#versions.get(path);
    if (before !== undefined && compareVersions(before, version) >= 0) return true;
    this.#versions.set(path, version);
    this.#bytes += version.data.length - (before?.data.length ?? 0);
    return this.#versions.size <= limits.outboxVersionsMax && this.#bytes <= limits.outboxBytesMax;
  }

  /** The first of what waits, up to a page; it stays until it is acknowledged. */
  page(): KeyVersion[] {
    return pageOf(this.#waiting());
  }

  *#waiting(): Generator<KeyVersion> {
    for (const [path, version] of this.#versions) yield { path, version };
  }

  acknowledge(sent: readonly KeyVersion[]): void {
    for (const { path, version } of sent) {
      if (this.#versions.get(path) !== version) continue;
      this.#versions.delete(path);
      this.#bytes -= version.data.length;
    }
  }
}

/** What this node has to tell its members, one bounded box for each. */
export class Outboxes {
  readonly #members: Membership;
  readonly #random: Random;
  readonly #boxes = new Map<string, Outbox>();
  readonly #overflown = new Set<string>();

  constructor(members: Membership, random: Random) {
    this.#members = members;
    this.#random = random;
  }

  /**
   * Puts versions into the boxes of all members, or of some at random where there are many: they tell the others.
   * A box that overflows is emptied, and its member is behind. Returns the members whose boxes were empty before, or
   * have overflown now.
   */
  add(versions: readonly KeyVersion[], except?: string): string[] {
    const changed: string[] = [];
    for (const { id } of this.#targets(except)) {
      if (!this.#overflown.has(id) && this.#fill(id, versions)) changed.push(id);
    }
    return changed;
  }

  /** Puts a version into the box of one member, as `add` does; false when nobody need be told of that. */
  addFor(id: string, version: KeyVersion): boolean {
    if (this.#overflown.has(id) || !this.#members.present().some((member) => member.id === id)) return false;
    return this.#fill(id, [version]);
  }

  get isEmpty(): boolean {
    return [...this.#boxes.values()].every(({ size }) => size === 0);
  }

  get waiting(): string[] {
    const filled = [...this.#boxes].filter(([, { size }]) => size > 0).map(([id]) => id);
    return [...filled, ...this.#overflown];
  }

  /** Whether what is pushed must be passed on by whoever gets it. */
  get areRumours(): boolean {
    return this.#members.present().length > limits.pushFanOut;
  }

  size(id: string): number {
    return this.#boxes.get(id)?.size ?? 0;
  }

  hasOverflown(id: string): boolean {
    return this.#overflown.has(id);
  }

  /** What waits longest for a member; undefined when nothing does. */
  oldest(id: string): Version | undefined {
    return this.#boxes.get(id)?.oldest;
  }

  page(id: string): KeyVersion[] {
    return this.#boxes.get(id)?.page() ?? [];
  }

  acknowledge(id: string, sent: readonly KeyVersion[]): void {
    this.#boxes.get(id)?.acknowledge(sent);
  }

  /** Drops all that waits for a member, and what was remembered of it. */
  clear(id: string): void {
    this.#boxes.delete(id);
    this.#overflown.delete(id);
  }

  /** True when the box was empty before, or has overflown now. */
  #fill(id: string, versions: readonly KeyVersion[]): boolean {
    const box = this.#boxes.get(id) ?? new Outbox();
    this.#boxes.set(id, box);
    const wasEmpty = box.size === 0;
    const fits = versions.every((version) => box.add(version));
    if (!fits) {
      this.#boxes.delete(id);
      this.#overflown.add(id);
    }
    return wasEmpty || !fits;
  }

  #targets(except: string | undefined): readonly { readonly id: string }[] {
    const present = this.#members.present();
    const others = except === undefined ? present : present.filter(({ id }) => id !== except);
    if (present.length <= limits.pushFanOut) return others;
    return shuffled(others, () => this.#random.next(), limits.pushFanOut);
  }
}
