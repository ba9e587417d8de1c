import { batch, computed, signal, type Signal } from '@preact/signals';
import { ask } from './ask.ts';
import { follow } from './feed.ts';
import { Activity } from './model/activity.ts';
import type { ActorAnswer, ClusterAnswer, DecisionAnswer, StoreAnswer } from './model/answers.ts';
import { Samples, type Sample } from './model/samples.ts';
import { Timeline, type Transition } from './model/timeline.ts';
import type { StateValue } from './model/state-value.ts';

/** One actor as the page knows it. */
export interface LiveActor {
  readonly id: string;
  readonly machine: string;
  /** The actor that it belongs to; empty for those of the node. */
  readonly parent: string;
  readonly state: Signal<StateValue>;
  readonly last: Signal<Transition | undefined>;
  /** By the node's clock. */
  readonly since: Signal<number>;
  readonly status: Signal<ActorAnswer['status']>;
  readonly restarts: Signal<number>;
  readonly error: Signal<string | undefined>;
}

/** Told of the transitions of one actor, those of a frame together. */
export type ActorWatcher = (transitions: readonly Transition[]) => void;

const pollMs = 1_000;
/** Between two looks at all actors, unless something says that one was started anew, ms. */
const actorsPollMs = 5_000;
/** Transitions that may wait for a frame; of more, the oldest are dropped, and counted. */
const pendingMax = 4_000;

/** Everything that the page shows of the node, kept up to date. */
export class Live {
  readonly cluster = signal<ClusterAnswer | undefined>(undefined);
  readonly store = signal<StoreAnswer | undefined>(undefined);
  readonly actors = signal<ReadonlyMap<string, LiveActor>>(new Map());
  /** Of the syncer, and of the actor that is looked at: what they show of their context. */
  readonly contexts = signal<ReadonlyMap<string, ActorAnswer>>(new Map());
  readonly decisions = signal<readonly DecisionAnswer[]>([]);
  readonly samples = signal<readonly Sample[]>([]);
  readonly isLive = signal(false);
  /** The last answer was refused or did not come; the words of it. */
  readonly trouble = signal<string | undefined>(undefined);
  /** Transitions that nobody saw: by the node's word, and for lack of time here. */
  readonly dropped = signal(0);
  /** Raised whenever the timeline has changed. */
  readonly timelineVersion = signal(0);
  readonly timeline = new Timeline();
  readonly activity = new Activity();
  /** The actor that is looked at. */
  readonly selected = signal('');

  readonly members = computed(() => this.cluster.value?.members ?? []);
  /** The node's clock, as of the last answer and the time since. */
  readonly #clockOffset = signal(0);
  readonly #samples = new Samples();
  readonly #watchers = new Map<string, Set<ActorWatcher>>();
  #pending: Transition[] = [];
  #isFrameAsked = false;
  #mustListActors = true;
  #mustListDecisions = true;
  #actorsListedAt = -Infinity;

  /** Begins, for as long as the page is there. */
  start(): void {
    void follow({
      onTransitions: (transitions) => this.#take(transitions),
      onGap: (dropped) => {
        this.dropped.value += dropped ?? 0;
        this.#mustListActors = true;
      },
      onConnection: (isLive) => {
        if (isLive && !this.isLive.value) this.#mustListActors = true;
        this.isLive.value = isLive;
      },
    });
    void this.#poll();
  }

  /** The node's clock, ms since the epoch. */
  now(): number {
    return Date.now() + this.#clockOffset.value;
  }

  /** Calls `watcher` with each frame's transitions of an actor; returns how to stop it. */
  watch(id: string, watcher: ActorWatcher): () => void {
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }

  /** To be called after a change of the timeline's filter or of its pause. */
  timelineChanged(): void {
    this.timelineVersion.value++;
  }

  #take(transitions: readonly Transition[]): void {
    this.#pending.push(...transitions);
    // A tab in the background has no frames.
    const excess = this.#pending.length - pendingMax;
    if (excess > 0) {
      this.#pending.splice(0, excess);
      this.dropped.value += excess;
      this.#mustListActors = true;
    }
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#isFrameAsked = false;
    const transitions = this.#pending;
    this.#pending = [];
    const byActor = new Map<string, Transition[]>();
    for (const transition of transitions) {
      const { actor, at } = transition;
      this.activity.note(actor.split('.', 1)[0] ?? actor, at);
      const known = byActor.get(actor);
      if (known === undefined) byActor.set(actor, [transition]);
      else known.push(transition);
      if (mayChangeActors(transition)) this.#mustListActors = true;
      if (actor === 'conflict-resolver') this.#mustListDecisions = true;
    }
    batch(() => {
      for (const [id, own] of byActor) this.#apply(id, own);
      this.timeline.add(transitions);
      this.timelineVersion.value++;
    });
  }

  #apply(id: string, transitions: readonly Transition[]): void {
    const actor = this.actors.value.get(id);
    const last = transitions.at(-1);
    if (last === undefined) return;
    if (actor === undefined) {
      this.#mustListActors = true;
      return;
    }
    if (JSON.stringify(actor.state.peek()) !== JSON.stringify(last.to)) actor.since.value = last.at;
    actor.state.value = last.to;
    actor.last.value = last;
    for (const watcher of this.#watchers.get(id) ?? []) watcher(transitions);
  }

  async #poll(): Promise<never> {
    for (;;) {
      const beganAt = performance.now();
      if (!document.hidden) {
        try {
          await this.#look(beganAt);
          this.trouble.value = undefined;
        } catch (error) {
          this.trouble.value = error instanceof Error ? error.message : String(error);
        }
      }
      const tookMs = performance.now() - beganAt;
      await new Promise((resolve) => {
        setTimeout(resolve, Math.max(pollMs / 4, pollMs - tookMs));
      });
    }
  }

  async #look(nowMs: number): Promise<void> {
    const ids = [...new Set(['syncer', this.selected.value])].filter((id) => id !== '');
    const query = ids.map((id) => `id=${encodeURIComponent(id)}`).join('&');
    const isListDue = this.#mustListActors || nowMs - this.#actorsListedAt >= actorsPollMs;
    const [cluster, store, contexts, actors] = await Promise.all([
      ask<ClusterAnswer>('/debug/cluster'),
      ask<StoreAnswer>('/debug/store'),
      ask<readonly ActorAnswer[]>(`/debug/actors?${query}`),
      isListDue ? ask<readonly ActorAnswer[]>('/debug/actors') : undefined,
    ]);
    const decisions = this.#mustListDecisions ? await askDecisions() : undefined;
    this.#samples.add({
      at: cluster.now,
      commits: store.commits,
      commitWrites: store.commit_writes,
      localWrites: store.local_writes,
      lagMs: Math.max(0, ...cluster.members.map(({ link }) => link?.lag_ms ?? 0)),
      differences: differencesOf(contexts.find(({ id }) => id === 'syncer')),
    });
    batch(() => {
      this.#clockOffset.value = cluster.now - Date.now();
      this.cluster.value = cluster;
      this.store.value = store;
      this.contexts.value = new Map(contexts.map((actor) => [actor.id, actor]));
      this.samples.value = this.#samples.all;
      if (decisions !== undefined) {
        this.#mustListDecisions = false;
        this.decisions.value = decisions;
      }
      if (actors !== undefined) {
        this.#mustListActors = false;
        this.#actorsListedAt = nowMs;
        this.#replaceActors(actors);
      }
    });
  }

  #replaceActors(answers: readonly ActorAnswer[]): void {
    const known = this.actors.value;
    const isSame = answers.length === known.size && answers.every(({ id }) => known.has(id));
    const actors = answers.map((answer) => {
      const before = known.get(answer.id);
      if (before === undefined) return [answer.id, newActor(answer)] as const;
      before.state.value = answer.state;
      before.since.value = answer.since;
      before.status.value = answer.status;
      before.restarts.value = answer.restarts;
      before.error.value = answer.error;
      return [answer.id, before] as const;
    });
    if (!isSame) this.actors.value = new Map(actors);
  }
}

async function askDecisions(): Promise<readonly DecisionAnswer[]> {
  const [resolver] = await ask<readonly ActorAnswer[]>('/debug/actors?id=conflict-resolver');
  return (resolver?.context['decisions'] as readonly DecisionAnswer[] | undefined) ?? [];
}

function newActor(answer: ActorAnswer): LiveActor {
  const dot = answer.id.indexOf('.');
  return {
    id: answer.id,
    machine: answer.machine,
    parent: dot < 0 ? '' : answer.id.slice(0, dot),
    state: signal(answer.state),
    last: signal(undefined),
    since: signal(answer.since),
    status: signal(answer.status),
    restarts: signal(answer.restarts),
    error: signal(answer.error),
  };
}

/** Members come and go with actors of their own, and the node starts anew what failed. */
function mayChangeActors({ event }: Transition): boolean {
  return event.startsWith('member.') || event.startsWith('xstate.error.actor.') || event === 'restart.due';
}

function differencesOf(syncer: ActorAnswer | undefined): number {
  const progress = syncer?.context['progress'] as { fetched?: number; pushed?: number } | undefined;
  return (progress?.fetched ?? 0) + (progress?.pushed ?? 0);
}

export const live = new Live();
