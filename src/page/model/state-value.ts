/** The value of a state in XState: a leaf's key, or the values below the keys of groups. */
export type StateValue = string | { readonly [key: string]: StateValue | undefined } | null;

/** The paths of all active states, groups included, with dots between keys; a group before what is in it. */
export function activePaths(value: StateValue, prefix = ''): string[] {
  if (value === null) return [];
  if (typeof value === 'string') return [prefix + value];
  return Object.entries(value).flatMap(([key, inner]) => [
    prefix + key,
    ...(inner === undefined ? [] : activePaths(inner, `${prefix}${key}.`)),
  ]);
}

/** The active states in which no other one is. */
export function leafPaths(value: StateValue): string[] {
  const paths = activePaths(value);
  return paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
}

/** The value in a few words: the keys of its leaves. */
export function stateText(value: StateValue): string {
  const keys = leafPaths(value).map((path) => path.slice(path.lastIndexOf('.') + 1));
  return keys.length === 0 ? 'no state' : keys.join(' + ');
}

/** What another value has that this one has not, in a few words; of equal ones, all. */
export function entered(from: StateValue, to: StateValue): string {
  const before = new Set(leafPaths(from));
  const fresh = leafPaths(to).filter((path) => !before.has(path));
  const paths = fresh.length > 0 ? fresh : leafPaths(to);
  return paths.map((path) => path.slice(path.lastIndexOf('.') + 1)).join(' + ');
}
