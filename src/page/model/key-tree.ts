import type { ChildAnswer } from './answers.ts';

/** What is known of one level of the hierarchy. */
export interface Level {
  readonly children: readonly ChildAnswer[];
  /** Where the rest begins; null when this is all. */
  readonly next: string | null;
}

/** The levels that are open, by their path; the top has the empty one. */
export type Levels = ReadonlyMap<string, Level>;

/** One line of the tree as it is shown. */
export type TreeRow =
  | { readonly kind: 'child'; readonly depth: number; readonly child: ChildAnswer; readonly isOpen: boolean }
  | { readonly kind: 'more'; readonly depth: number; readonly parent: string; readonly next: string };

/** The open part of the tree, line by line. */
export function rowsOf(levels: Levels, parent = '', depth = 0): TreeRow[] {
  const level = levels.get(parent);
  if (level === undefined) return [];
  const rows = level.children.flatMap((child): TreeRow[] => {
    const isOpen = child.has_children && levels.has(child.path);
    const row: TreeRow = { kind: 'child', depth, child, isOpen };
    return isOpen ? [row, ...rowsOf(levels, child.path, depth + 1)] : [row];
  });
  if (level.next !== null) rows.push({ kind: 'more', depth, parent, next: level.next });
  return rows;
}

/** The levels without one of them and all below it. */
export function closed(levels: Levels, path: string): Levels {
  return new Map([...levels].filter(([known]) => known !== path && !known.startsWith(`${path}/`)));
}

/** The levels with a page more. */
export function grown(levels: Levels, path: string, page: Level, isFirst: boolean): Levels {
  const before = isFirst ? [] : (levels.get(path)?.children ?? []);
  return new Map([...levels, [path, { children: [...before, ...page.children], next: page.next }]]);
}

/** The paths above one, from the top down: `a` and `a/b` for `a/b/c`. */
export function pathsAbove(path: string): string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
}
