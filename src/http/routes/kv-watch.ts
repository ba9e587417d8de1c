import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { limits } from '../../core/limits.ts';
import { send } from '../answer.ts';
import { header, type HttpDeps, type KvsContext } from '../context.ts';
import { KeyFeed } from '../watch/key-feed.ts';
import { OpenAnswer } from '../open-answer.ts';
import { flag, seconds } from '../query.ts';
import type { WatchAnswer, Watcher } from '../watch/watcher.ts';
import type { WatchEvent } from '../watch/watch-event.ts';
import { isPrefix, keyPathOf, prefixOf } from './kv-path.ts';

const defaultTimeoutSeconds = 30;

const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // A proxy that gathers what it passes on would hold events back.
  'X-Accel-Buffering': 'no',
};
const pollHeaders = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };

/** Answers `GET /kv/...?watch`; undefined for a request that asks for something else. */
export function watchRoute(deps: HttpDeps): (c: KvsContext, query: URLSearchParams) => Response | undefined {
  const { events: store, clock, logger, closing, heartbeatMs } = deps;
  const feed = new KeyFeed({ store, clock, logger, closing, heartbeatMs });

  return (c, query) => {
    const form = formOf(query);
    if (form === undefined) return undefined;
    const target = targetOf(c);
    const isHead = c.req.method === 'HEAD';
    if (form === 'poll') {
      const timeoutMs =
        1_000 * (seconds(query, 'timeout', limits.watchTimeoutSecondsMax) ?? defaultTimeoutSeconds);
      if (isHead) return send(c, { status: 200, headers: pollHeaders, body: null });
      feed.open(target, query.get('index') ?? undefined, pollAnswers(c, feed, timeoutMs));
    } else {
      // Nobody would ever read, or end, the stream of a HEAD.
      if (isHead) return send(c, { status: 200, headers: streamHeaders, body: null });
      const last = header(c, 'last-event-id') ?? query.get('last_event_id') ?? undefined;
      feed.open(target, last, streamAnswers(c, feed));
    }
    return RESPONSE_ALREADY_SENT;
  };
}

export function isWatch(query: URLSearchParams): boolean {
  return formOf(query) !== undefined;
}

function formOf(query: URLSearchParams): 'stream' | 'poll' | undefined {
  if (query.get('watch') === 'wait') return 'poll';
  return flag(query, 'watch') ? 'stream' : undefined;
}

/** A path; or with a slash at its end, or empty, what is below it. */
function targetOf(c: KvsContext): string {
  return isPrefix(c.req.path) ? prefixOf(c).text : keyPathOf(c);
}

/** Server-sent events (WHATWG HTML, 9.2), until the reader goes. */
function streamAnswers(c: KvsContext, feed: KeyFeed): (watcher: () => Watcher) => WatchAnswer {
  return (watcher) => {
    const answer = new OpenAnswer(c, {
      headers: streamHeaders,
      onDrained: () => watcher().resume(),
      onGone: () => feed.remove(watcher()),
    });
    // An id without data moves the reader on, and tells it nothing.
    const tellId = (text: string, id: string) => answer.write(`: ${text}\nid: ${id}\n\n`);
    return {
      get isFull() {
        return answer.isFull;
      },
      send: (events) => answer.write(Buffer.concat(events.map(({ bytes }) => bytes))),
      begin: (id) => tellId('connected', id),
      beat: (id) => tellId('still here', id),
      end: () => answer.end(),
      cut: () => answer.cut(),
    };
  };
}

/** One JSON document with the first events, or without any when the time is over. */
function pollAnswers(
  c: KvsContext,
  feed: KeyFeed,
  timeoutMs: number,
): (watcher: () => Watcher) => WatchAnswer {
  return (watcher) => {
    const leave = (): void => {
      clearTimeout(timer);
      feed.remove(watcher());
    };
    const answer = new OpenAnswer(c, { headers: pollHeaders, onDrained: () => undefined, onGone: leave });
    const timer = setTimeout(() => watcher().finish(), timeoutMs);
    const end = (index: string, events: readonly WatchEvent[]): void => {
      answer.end(`{"index":"${index}","events":[${events.map(({ json }) => json).join(',')}]}\n`);
      leave();
    };
    return {
      isFull: false,
      send: (events) => end(events.at(-1)?.id ?? '', events),
      begin: () => undefined,
      // White space before the document keeps the connection from being taken for dead.
      beat: () => answer.write('\n'),
      end: (id) => end(id, []),
      cut: () => answer.cut(),
    };
  };
}
