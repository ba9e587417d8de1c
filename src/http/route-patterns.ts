import { pathOfTarget, type KvsApp } from './context.ts';

interface Pattern {
  readonly text: string;
  matches(path: string): boolean;
}

/** The name of every target that no route knows. */
export const noRoute = 'none';

/** Tells which route a target belongs to, by its pattern. There are few patterns, and no end of paths. */
export class RoutePatterns {
  readonly #patterns: readonly Pattern[];

  constructor(app: Pick<KvsApp, 'routes'>) {
    // What is registered for all methods is no route but stands before some.
    const texts = new Set(app.routes.filter(({ method }) => method !== 'ALL').map(({ path }) => path));
    const isVague = (text: string) => Number(text.endsWith('*')) + Number(text.includes(':'));
    // Values are asked for most often, and no other route is below them.
    const ranked = [...texts].toSorted(
      (a, b) => Number(b === '/kv/*') - Number(a === '/kv/*') || isVague(a) - isVague(b),
    );
    this.#patterns = ranked.map(patternOf);
  }

  /** `target` as it stands in the request line. */
  of(target: string): string {
    const path = pathOfTarget(target);
    for (const pattern of this.#patterns) if (pattern.matches(path)) return pattern.text;
    return noRoute;
  }
}

function patternOf(text: string): Pattern {
  if (text.endsWith('/*') && !text.includes(':')) {
    const prefix = text.slice(0, -1);
    return { text, matches: (path) => path.startsWith(prefix) || path === text.slice(0, -2) };
  }
  if (!text.includes(':')) return { text, matches: (path) => path === text };
  const segments = text.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : segment));
  const expression = new RegExp(`^${segments.join('/')}$`);
  return { text, matches: (path) => expression.test(path) };
}
