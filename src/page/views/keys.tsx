import { useEffect, useState } from 'preact/hooks';
import { ask } from '../ask.ts';
import type { KeysAnswer } from '../model/answers.ts';
import { closed, grown, pathsAbove, rowsOf, type Levels, type TreeRow } from '../model/key-tree.ts';
import { bytes } from '../model/format.ts';
import { Empty } from '../parts/empty.tsx';
import { Icon } from '../parts/icon.tsx';
import { KeyPanel } from '../parts/key-panel.tsx';
import { VirtualList } from '../parts/virtual-list.tsx';
import { go, route } from '../router.ts';

const rowHeight = 32;

/** The keys as a tree, and the one that is looked at. */
export function KeysView() {
  const { subject } = route.value;
  const tree = useTree(subject);
  return (
    <div class="split keys">
      <section class="panel tree-panel" aria-labelledby="tree-title">
        <div class="panel-head">
          <h2 id="tree-title">Keys</h2>
          <button type="button" class="quiet" onClick={tree.reload}>
            Read anew
          </button>
        </div>
        <GoTo />
        <Tree tree={tree} selected={subject} />
      </section>
      {subject === '' ? (
        <section class="panel">
          <Empty title="No key is looked at">
            Choose one in the tree: its version, where it came from, and on request its value.
          </Empty>
        </section>
      ) : (
        <KeyPanel key={subject} path={subject} />
      )}
    </div>
  );
}

function GoTo() {
  const [path, setPath] = useState('');
  return (
    <form
      class="go-to"
      onSubmit={(event) => {
        event.preventDefault();
        if (path.trim() !== '') go('keys', path.trim().replace(/^\/+|\/+$/g, ''));
      }}
    >
      <input
        type="search"
        placeholder="Go to a path, such as users/john"
        aria-label="Go to a path"
        value={path}
        onInput={(event) => setPath(event.currentTarget.value)}
      />
    </form>
  );
}

interface Tree {
  readonly rows: readonly TreeRow[];
  readonly isLoaded: boolean;
  readonly problem: string | undefined;
  readonly open: (path: string) => void;
  readonly close: (path: string) => void;
  readonly more: (path: string, next: string) => void;
  readonly reload: () => void;
}

/** The levels that are open: the top, and those above the key that is looked at. */
function useTree(subject: string): Tree {
  const [levels, setLevels] = useState<Levels>(new Map());
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const load = async (path: string, next?: string): Promise<void> => {
    try {
      const cursor = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`;
      const page = await ask<KeysAnswer>(`/debug/keys?prefix=${encodeURIComponent(path)}${cursor}`);
      setLevels((before) => grown(before, path, page, next === undefined));
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const loadDownTo = (path: string) => {
    for (const above of ['', ...pathsAbove(path)]) if (!levels.has(above)) void load(above);
  };
  useEffect(() => loadDownTo(subject), [subject]);
  return {
    rows: rowsOf(levels),
    isLoaded: levels.has(''),
    problem,
    open: (path) => void load(path),
    close: (path) => setLevels((before) => closed(before, path)),
    more: (path, next) => void load(path, next),
    reload: () => {
      for (const path of levels.keys()) void load(path);
    },
  };
}

function Tree({ tree, selected }: { readonly tree: Tree; readonly selected: string }) {
  const { rows, isLoaded, problem } = tree;
  if (problem !== undefined) return <p class="notice bad">{problem}</p>;
  if (!isLoaded) return <Empty title="Reading" />;
  if (rows.length === 0) {
    return (
      <Empty title="There are no keys yet">
        <code>curl -X PUT {location.origin}/kv/hello -d '"world"'</code> writes one.
      </Empty>
    );
  }
  return (
    <div class="tree" onKeyDown={(event) => onTreeKey(event, tree)}>
      <VirtualList items={rows} rowHeight={rowHeight} keyOf={rowKey} label="Keys, as a tree">
        {(row) => (
          <TreeLine row={row} tree={tree} isSelected={row.kind === 'child' && row.child.path === selected} />
        )}
      </VirtualList>
    </div>
  );
}

function rowKey(row: TreeRow): string {
  return row.kind === 'child' ? row.child.path : `${row.parent} more`;
}

interface LineProps {
  readonly row: TreeRow;
  readonly tree: Tree;
  readonly isSelected: boolean;
}

function TreeLine({ row, tree, isSelected }: LineProps) {
  const indent = { paddingLeft: `${row.depth * 18}px` };
  if (row.kind === 'more') {
    return (
      <div class="tree-line" style={indent}>
        <button type="button" class="quiet" onClick={() => tree.more(row.parent, row.next)}>
          More
        </button>
      </div>
    );
  }
  const { child, isOpen } = row;
  const { version } = child;
  return (
    <div class={`tree-line ${version?.state ?? 'folder'}`} style={indent}>
      {child.has_children ? (
        <button
          type="button"
          class="twist quiet"
          aria-expanded={isOpen}
          aria-label={`${isOpen ? 'Close' : 'Open'} ${child.path}`}
          tabIndex={-1}
          onClick={() => (isOpen ? tree.close(child.path) : tree.open(child.path))}
        >
          <Icon name="folder" />
        </button>
      ) : (
        <span class="twist" />
      )}
      <button
        type="button"
        class="tree-name"
        data-path={child.path}
        aria-current={isSelected ? 'true' : undefined}
        onClick={() => {
          if (version !== null) go('keys', child.path);
          else if (isOpen) tree.close(child.path);
          else tree.open(child.path);
        }}
      >
        {child.name}
        {version === null ? '/' : ''}
      </button>
      {version === null ? null : (
        <span class="tree-note">
          {version.state === 'live' ? `${bytes(version.bytes)} · ${version.origin}` : version.state}
        </span>
      )}
    </div>
  );
}

/** Up and down go from line to line, right opens, left closes or goes up a level. */
function onTreeKey(event: KeyboardEvent, tree: Tree): void {
  const names = [...document.querySelectorAll<HTMLButtonElement>('.tree .tree-name')];
  const at = names.findIndex((name) => name === document.activeElement);
  if (at < 0) {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') names[0]?.focus();
    return;
  }
  const path = names[at]?.dataset['path'] ?? '';
  const row = tree.rows.find((known) => known.kind === 'child' && known.child.path === path);
  if (row?.kind !== 'child') return;
  if (event.key === 'ArrowDown') names[at + 1]?.focus();
  else if (event.key === 'ArrowUp') names[at - 1]?.focus();
  else if (event.key === 'ArrowRight' && row.child.has_children && !row.isOpen) tree.open(path);
  else if (event.key === 'ArrowLeft' && row.isOpen) tree.close(path);
  else if (event.key === 'ArrowLeft') {
    const above = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    names.find((name) => name.dataset['path'] === above)?.focus();
  } else return;
  event.preventDefault();
}
