import { EventParser } from '../client/event-parser.ts';
import { ask } from './ask.ts';
import type { ClusterAnswer } from './model/answers.ts';
import type { Transition } from './model/timeline.ts';

/** Who is told what comes of the stream. */
export interface FeedListener {
  onTransitions(transitions: readonly Transition[]): void;
  /** The stream left something out; undefined: it is not known how much. */
  onGap(dropped: number | undefined): void;
  /** `false` until the stream runs, and whenever it has ended. */
  onConnection(isLive: boolean): void;
}

/** The first attempt after an end comes after this time, later ones after up to the longest, ms. */
const retryMsMin = 500;
const retryMsMax = 5_000;
/** The node sends something at least every 15 s: after this time the stream is taken for dead, ms. */
const silenceMs = 40_000;

/**
 * Reads the node's transitions, for ever: when the stream ends it is opened anew, from where it was, or from the
 * beginning when the node was started anew meanwhile. It is read with `fetch`: an `EventSource` dispatches event by
 * event, and can't be told where to begin.
 */
export async function follow(listener: FeedListener): Promise<never> {
  let lastId = 0;
  let startedAt: number | undefined;
  let failures = 0;
  for (;;) {
    try {
      const { node } = await ask<ClusterAnswer>('/debug/cluster');
      const isFirst = startedAt === undefined;
      if (node.started_at !== startedAt) lastId = 0;
      startedAt = node.started_at;
      await read(lastId, {
        onTransitions: (transitions) => {
          failures = 0;
          lastId = transitions.at(-1)?.id ?? lastId;
          listener.onTransitions(transitions);
        },
        // What happened before anybody looked is not missed.
        onGap: (dropped) => {
          if (!isFirst || lastId > 0) listener.onGap(dropped);
        },
        onConnection: (isLive) => listener.onConnection(isLive),
      });
    } catch {
      // Why it ended says nothing that the next attempt won't.
    }
    listener.onConnection(false);
    failures++;
    await pass(Math.min(retryMsMax, retryMsMin * 2 ** (failures - 1)));
  }
}

/** Settles when the stream ends. */
async function read(after: number, listener: FeedListener): Promise<void> {
  const ending = new AbortController();
  let silence = setTimeout(() => ending.abort(), silenceMs);
  try {
    const response = await fetch('/debug/events', {
      headers: { 'Last-Event-ID': String(after) },
      cache: 'no-store',
      signal: ending.signal,
    });
    if (!response.ok || response.body === null) return;
    listener.onConnection(true);
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => ending.abort(), silenceMs);
      const transitions: Transition[] = [];
      for (const { type, data } of parser.push(value)) {
        if (type === 'transition') transitions.push(JSON.parse(data) as Transition);
        else if (type === 'gap') listener.onGap(droppedBy(data));
      }
      if (transitions.length > 0) listener.onTransitions(transitions);
    }
  } finally {
    clearTimeout(silence);
    ending.abort();
  }
}

/** Of an event `gap`. */
function droppedBy(data: string): number | undefined {
  return (JSON.parse(data) as { dropped: number | null }).dropped ?? undefined;
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
