import { stateText, entered, type StateValue } from './state-value.ts';
import { eventText } from './format.ts';

/** A transition as the stream tells it. */
export interface Transition {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly event: string;
  readonly from: StateValue;
  readonly to: StateValue;
}

export interface TimelineFilter {
  /** Words that must all stand in the actor's id, the event or the states. */
  readonly text: string;
  /** The actor, with those below it; empty: all. */
  readonly actor: string;
  /** Leaves out what changed no state. */
  readonly onlyChanges: boolean;
}

export const everything: TimelineFilter = { text: '', actor: '', onlyChanges: false };

/** Transitions that the timeline keeps; for one more the oldest goes. */
export const timelineMax = 5_000;

/**
 * The last transitions of all actors, newest first, of which some are shown. While it is paused what is shown stays;
 * what comes meanwhile is kept, as far as there is room, and counted.
 */
export class Timeline {
  #kept: Transition[] = [];
  #shown: readonly Transition[] = [];
  #filter = everything;
  #isPaused = false;
  /** Since the pause began. */
  #missed = 0;

  /** What passes the filter, newest first. */
  get shown(): readonly Transition[] {
    return this.#shown;
  }

  get keptCount(): number {
    return this.#kept.length;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** How many came while it was paused that pass the filter. */
  get waitingCount(): number {
    return this.#missed;
  }

  get filter(): TimelineFilter {
    return this.#filter;
  }

  /** The last transitions of one actor, newest first, whatever the filter says. */
  latestOf(actor: string, countMax: number): Transition[] {
    const found: Transition[] = [];
    for (const transition of this.#kept) {
      if (transition.actor === actor) found.push(transition);
      if (found.length === countMax) break;
    }
    return found;
  }

  /** Transitions in the order in which they happened. */
  add(transitions: readonly Transition[]): void {
    if (transitions.length === 0) return;
    const latest = transitions.slice(-timelineMax).toReversed();
    this.#kept = latest.concat(this.#kept.slice(0, timelineMax - latest.length));
    const passing = latest.filter((transition) => passes(transition, this.#filter));
    if (this.#isPaused) this.#missed += passing.length;
    else if (passing.length > 0) this.#shown = passing.concat(this.#shown).slice(0, timelineMax);
  }

  setFilter(filter: TimelineFilter): void {
    this.#filter = filter;
    this.#refresh();
  }

  pause(): void {
    this.#isPaused = true;
    this.#missed = 0;
  }

  resume(): void {
    this.#isPaused = false;
    this.#refresh();
  }

  #refresh(): void {
    this.#missed = 0;
    this.#shown = this.#kept.filter((transition) => passes(transition, this.#filter));
  }
}

export function passes(transition: Transition, { text, actor, onlyChanges }: TimelineFilter): boolean {
  if (actor !== '' && transition.actor !== actor && !transition.actor.startsWith(`${actor}.`)) return false;
  if (onlyChanges && !isChange(transition)) return false;
  if (text === '') return true;
  const haystack = searchText(transition);
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

export function isChange({ from, to }: Transition): boolean {
  return JSON.stringify(from) !== JSON.stringify(to);
}

/** What became of it, in the words in which it is shown. */
export function outcome({ from, to }: Transition): string {
  return entered(from, to);
}

function searchText({ actor, event, from, to }: Transition): string {
  return `${actor} ${eventText(event)} ${event} ${stateText(from)} ${stateText(to)}`.toLowerCase();
}
