import {
  eventOf,
  isBehind,
  type EventPage,
  type EventPosition,
  type KeyEvent,
} from '../../core/key-events.ts';
import type { KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { Clock, Commit, Logger } from '../../core/ports.ts';
import { diedAtMs } from '../../core/version.ts';
import type { HttpDeps } from '../context.ts';
import { OpenStreams } from '../open-streams.ts';
import { Turns } from '../../core/turns.ts';
import { isTarget, Watcher, type EventSource, type WatchAnswer } from './watcher.ts';
import { WatchEvent } from './watch-event.ts';
import { WatchIds } from './watch-id.ts';

/** What expires within this time is told together, ms: each look at the store costs it something. */
const expiryGatherMs = 20;
/** The clock is looked at this often, ms: it may jump. */
const clockCheckMs = 1_000;
/** A clock that steps back by less is waited for, ms. */
const clockStepMs = 1_000;

export interface KeyFeedOptions {
  readonly store: HttpDeps['events'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  /** How often a quiet stream says that it is still there, ms. */
  readonly heartbeatMs: number;
}

/**
 * What happens to all keys, for many watchers: the commits of the store as they come, and in between what expires. It
 * goes from position to position, as each watcher does that reads from the store; whoever is where it is may join. Each
 * event is written down once, and only when somebody watches its key. Without watchers it does nothing.
 *
 * While the store is asked what has expired, commits are held back: so the order of events is that of positions, for
 * those who hear of them here and for those who read.
 */
export class KeyFeed implements EventSource {
  readonly #store: HttpDeps['events'];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ids: WatchIds;
  readonly #streams: OpenStreams<Watcher>;
  readonly #reads = new Turns(limits.watchReadsMax);
  /** Those who have joined, by their targets. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  /** Those to whom something was offered that has not been sent. */
  readonly #touched = new Set<Watcher>();
  #position: EventPosition;
  /** No version whose commit was told dies before this instant without having been told of. */
  #nextDeathMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: NodeJS.Immediate | undefined;
  /** While the store is asked what has expired. */
  #scan: Scan | undefined;
  #isFailing = false;

  constructor({ store, clock, logger, closing, heartbeatMs }: KeyFeedOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#ids = new WatchIds(store.storeId);
    this.#position = this.#now();
    this.#streams = new OpenStreams<Watcher>({
      name: 'changes',
      streamsMax: limits.watchReadersMax,
      closing,
      heartbeatMs,
      onFirst: () => this.#start(),
    });
  }

  /**
   * A new watcher of a target, from now on or from an event on.
   *
   * @throws KvsError KVS_OVERLOADED when there are too many, KVS_BAD_REQUEST when the id was never one
   */
  open(
    target: string,
    lastEventId: string | undefined,
    answerOf: (watcher: () => Watcher) => WatchAnswer,
  ): void {
    this.#streams.assertRoom();
    const last = lastEventId === undefined ? undefined : this.#ids.parse(lastEventId);
    if (this.#streams.isEmpty) this.#position = this.#now();
    const watcher: Watcher = new Watcher(this, {
      target,
      from: last === undefined ? this.#position : this.#reachable(last),
      answer: answerOf(() => watcher),
    });
    watcher.greet(lastEventId !== undefined && last === undefined ? 'The id is of another store' : undefined);
    if (watcher.isOpen && this.#streams.add(watcher)) watcher.start();
  }

  /** To be called when a watcher has been answered, or is gone. */
  remove(watcher: Watcher): void {
    watcher.stop();
    this.#touched.delete(watcher);
    this.#streams.remove(watcher);
  }

  get position(): EventPosition {
    return this.#position;
  }

  settling(): Promise<void> | undefined {
    return this.#scan?.done;
  }

  join(watcher: Watcher): void {
    const watchers = this.#watchers.get(watcher.target);
    if (watchers === undefined) this.#watchers.set(watcher.target, new Set([watcher]));
    else watchers.add(watcher);
  }

  leave(watcher: Watcher): void {
    const watchers = this.#watchers.get(watcher.target);
    if (watchers?.delete(watcher) === true && watchers.size === 0) this.#watchers.delete(watcher.target);
  }

  read(position: EventPosition, until: EventPosition, target: string): Promise<EventPage | null> {
    return this.#reads.run(() => this.#store.eventsAfter(position, until, (path) => isTarget(target, path)));
  }

  idOf(position: EventPosition): string {
    return this.#ids.format(position);
  }

  eventsOf({ events }: EventPage): readonly WatchEvent[] {
    return events.map(({ event, after }) => WatchEvent.of(event, this.idOf(after)));
  }

  reset(reason: string): WatchEvent {
    return WatchEvent.reset(reason, this.idOf(this.#position));
  }

  onFailure(error: unknown): void {
    this.#logger.error('A watch was cut: what it had to be told could not be read', { error });
  }

  #now(): EventPosition {
    const { sequence } = this.#store;
    return { sequence, entries: 0, expiredMs: this.#clock.now(), expiredPath: undefined };
  }

  /** Nobody has been told of more expiries than there were: the clock has stepped back, and some are alive again. */
  #reachable(position: EventPosition): EventPosition {
    const { expiredMs, expiredPath } = this.#position;
    return position.expiredMs > expiredMs ? { ...position, expiredMs, expiredPath } : position;
  }

  #start(): () => void {
    const stop = this.#store.onCommit((commit) => this.#onCommit(commit));
    // Nobody knows yet what will expire next.
    this.#nextDeathMs = 0;
    this.#schedule();
    return () => {
      stop();
      this.#abandonScan();
      clearTimeout(this.#timer);
      clearImmediate(this.#flushing);
      this.#flushing = undefined;
    };
  }

  #onCommit(commit: Commit): void {
    if (this.#scan === undefined) this.#tellCommit(commit);
    else if (this.#scan.held.length < limits.watchHeldCommitsMax) this.#scan.held.push(commit);
    else this.#leaveAllBehind();
  }

  #tellCommit({ sequence, changes }: Commit): void {
    const { sequence: before } = this.#position;
    for (const [index, { path, version }] of changes.entries()) {
      const isLast = index + 1 === changes.length;
      if (version.expiresAt !== undefined) this.#expectDeath(diedAtMs(version));
      if (!isLast && !this.#isWatched(path)) continue;
      const told = isLast ? { sequence, entries: 0 } : { sequence: before, entries: index + 1 };
      this.#tell(path, () => eventOf(path, version, this.#position), { ...this.#position, ...told });
    }
  }

  /** Everybody reads from the store what was too much to be held. */
  #leaveAllBehind(): void {
    this.#abandonScan();
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.fallBehind();
    this.#position = this.#now();
    this.#nextDeathMs = 0;
    this.#schedule();
  }

  #tell(path: KeyPath, eventOf: () => KeyEvent, after: EventPosition): void {
    const all = targetsOf(path).flatMap((target) => [...(this.#watchers.get(target) ?? [])]);
    if (all.length > 0) {
      try {
        const event = WatchEvent.of(eventOf(), this.idOf(after));
        for (const watcher of all) this.#offer(watcher, event, after);
      } catch (error) {
        // A damaged value must not keep those who watch other keys from what comes after it.
        this.onFailure(error);
        for (const watcher of all) watcher.cut();
      }
    }
    this.#position = after;
  }

  #offer(watcher: Watcher, event: WatchEvent, after: EventPosition): void {
    watcher.offer(event, this.#position, after);
    this.#touched.add(watcher);
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = undefined;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const watcher of touched) watcher.flush();
  }

  #isWatched(path: KeyPath): boolean {
    return targetsOf(path).some((target) => this.#watchers.has(target));
  }

  #expectDeath(ms: number): void {
    if (ms >= this.#nextDeathMs || ms <= this.#position.expiredMs) return;
    this.#nextDeathMs = ms;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scan !== undefined) return;
    clearTimeout(this.#timer);
    const waitMs = Math.max(this.#nextDeathMs - this.#clock.now(), expiryGatherMs);
    this.#timer = setTimeout(() => this.#look(), Math.min(waitMs, clockCheckMs)).unref();
  }

  #look(): void {
    const now = this.#clock.now();
    const { expiredMs } = this.#position;
    if (now < expiredMs - clockStepMs) {
      this.#position = { ...this.#position, expiredMs: now, expiredPath: undefined };
      this.#nextDeathMs = 0;
    }
    if (this.#nextDeathMs <= now) {
      void this.#tellExpired(Math.max(now, this.#position.expiredMs));
      return;
    }
    if (now > expiredMs) this.#position = { ...this.#position, expiredMs: now, expiredPath: undefined };
    this.#schedule();
  }

  async #tellExpired(untilMs: number): Promise<void> {
    const scan = new Scan();
    this.#scan = scan;
    this.#nextDeathMs = Infinity;
    let nextMs: number | undefined = this.#clock.now() + clockCheckMs;
    try {
      nextMs = await this.#passExpiries(untilMs, scan);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing && !scan.isOver) this.#logger.error('What expires can not be told', { error });
      this.#isFailing = true;
    }
    if (scan.isOver) return;
    this.#releaseHeld(scan.held);
    this.#abandonScan();
    this.#nextDeathMs = Math.min(this.#nextDeathMs, nextMs ?? Infinity);
    this.#schedule();
  }

  /** Settles with the next instant at which something may die. */
  async #passExpiries(untilMs: number, scan: Scan): Promise<number | undefined> {
    for (;;) {
      const until = { ...this.#position, expiredMs: untilMs, expiredPath: undefined };
      if (scan.isOver || !isBehind(this.#position, until)) break;
      const page = await this.#store.eventsAfter(this.#position, until, (path) => this.#isWatched(path));
      if (scan.isOver) break;
      if (page === null) {
        this.#resetAll('The clock went so far ahead that it is not known what expired');
        scan.held.length = 0;
        break;
      }
      for (const { event, after } of page.events) this.#tell(event.path, () => event, after);
      this.#position = page.position;
      this.#releaseHeld(scan.held);
    }
    return scan.isOver ? undefined : this.#store.nextDeathAfter(untilMs);
  }

  #releaseHeld(held: Commit[]): void {
    for (const commit of held.splice(0)) this.#tellCommit(commit);
  }

  #abandonScan(): void {
    this.#scan?.end();
    this.#scan = undefined;
  }

  #resetAll(reason: string): void {
    const after = this.#now();
    const event = WatchEvent.reset(reason, this.idOf(after));
    for (const watchers of this.#watchers.values())
      for (const watcher of watchers) this.#offer(watcher, event, after);
    this.#position = after;
  }
}

/** All that a path can be watched by. */
function targetsOf(path: KeyPath): readonly string[] {
  const targets: string[] = ['', path];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
    targets.push(path.slice(0, at + 1));
  return targets;
}

/** What is kept while the store is asked what has expired. */
class Scan {
  readonly held: Commit[] = [];
  readonly done: Promise<void>;
  isOver = false;
  #settle: () => void = () => undefined;

  constructor() {
    this.done = new Promise((resolve) => (this.#settle = resolve));
  }

  end(): void {
    this.isOver = true;
    this.#settle();
  }
}
