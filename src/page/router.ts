import { signal } from '@preact/signals';

export const views = ['overview', 'actors', 'timeline', 'conflicts', 'keys', 'charts'] as const;
export type View = (typeof views)[number];

export interface Route {
  readonly view: View;
  /** What is looked at in it: an actor's id, a key's path; empty for nothing. */
  readonly subject: string;
}

/** Where the reader is, as it stands behind the `#` of the address. */
export const route = signal(routeOf(location.hash));

window.addEventListener('hashchange', () => {
  route.value = routeOf(location.hash);
});

export function hrefOf(view: View, subject = ''): string {
  const name = view === 'overview' ? '' : view;
  return `#/${name}${subject === '' ? '' : `/${encodeURIComponent(subject)}`}`;
}

export function go(view: View, subject = ''): void {
  location.hash = hrefOf(view, subject);
}

function routeOf(hash: string): Route {
  const [, name = '', subject = ''] = /^#\/([a-z]*)(?:\/(.*))?$/.exec(hash) ?? [];
  const view = views.find((known) => known === name) ?? 'overview';
  return { view, subject: decoded(subject) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
