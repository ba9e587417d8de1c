import { useEffect } from 'preact/hooks';
import { seconds } from './clock.ts';
import { live } from './live.ts';
import { duration } from './model/format.ts';
import { Help, isHelpOpen } from './parts/help.tsx';
import { Icon, type IconName } from './parts/icon.tsx';
import { listenForKeys } from './keyboard.ts';
import { hrefOf, route, views, type View } from './router.ts';
import { switchTheme, theme } from './theme.ts';
import { ActorsView } from './views/actors.tsx';
import { ChartsView } from './views/charts.tsx';
import { ConflictsView } from './views/conflicts.tsx';
import { KeysView } from './views/keys.tsx';
import { OverviewView } from './views/overview.tsx';
import { TimelineView } from './views/timeline.tsx';

const titles: Readonly<Record<View, string>> = {
  overview: 'Overview',
  actors: 'Actors',
  timeline: 'Timeline',
  conflicts: 'Conflicts',
  keys: 'Keys',
  charts: 'Charts',
};

export function App() {
  useEffect(listenForKeys, []);
  const { view } = route.value;
  const id = live.cluster.value?.node.id;
  useEffect(() => {
    document.title = `${titles[view]} · ${id ?? 'KVS'}`;
  }, [view, id]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1} class={`view-${view}`}>
        <h1 class="hidden">{titles[view]}</h1>
        <Trouble />
        <Body view={view} />
      </main>
      <Help />
    </>
  );
}

function Body({ view }: { readonly view: View }) {
  switch (view) {
    case 'overview':
      return <OverviewView />;
    case 'actors':
      return <ActorsView />;
    case 'timeline':
      return <TimelineView />;
    case 'conflicts':
      return <ConflictsView />;
    case 'keys':
      return <KeysView />;
    case 'charts':
      return <ChartsView />;
  }
}

function Header() {
  const { view } = route.value;
  return (
    <header class="top">
      <a class="brand" href={hrefOf('overview')}>
        <Icon name="brand" />
        <strong>KVS</strong>
        <NodeName />
      </a>
      <nav aria-label="Views">
        {views.map((name, index) => (
          <a
            key={name}
            href={hrefOf(name)}
            aria-current={name === view ? 'page' : undefined}
            title={`${titles[name]} (${index + 1})`}
          >
            <Icon name={name as IconName} />
            <span>{titles[name]}</span>
          </a>
        ))}
      </nav>
      <div class="tools">
        <Connection />
        <a href="../docs" title="The REST interface" aria-label="The REST interface">
          <Icon name="docs" />
        </a>
        <button
          type="button"
          class="quiet"
          onClick={switchTheme}
          title="Colours: as the system says, light, or dark (t)"
          aria-label={`Colours: ${theme.value}`}
        >
          <Icon name={theme.value} />
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => (isHelpOpen.value = true)}
          title="Keys (?)"
          aria-label="Keys of the keyboard"
        >
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
}

function NodeName() {
  const node = live.cluster.value?.node;
  if (node === undefined) return null;
  return (
    <>
      <span class="node-id">{node.id}</span>
      <span class={`pill mode-${node.mode}`}>{node.ready ? node.mode : 'not ready'}</span>
    </>
  );
}

/** Says in words and colour whether what is shown is the present. */
function Connection() {
  const isLive = live.isLive.value;
  const node = live.cluster.value?.node;
  const up =
    seconds.value >= 0 && node !== undefined ? duration(wholeMinutes(live.now() - node.started_at)) : '';
  return (
    <span
      class={`connection ${isLive ? 'is-live' : 'is-lost'}`}
      role="status"
      title={up === '' ? '' : `Up for ${up}`}
    >
      <i aria-hidden="true" />
      {isLive ? 'live' : 'not connected'}
    </span>
  );
}

function Trouble() {
  const node = live.cluster.value?.node;
  const trouble = live.trouble.value;
  if (trouble !== undefined) {
    return (
      <p class="notice bad" role="alert">
        <strong>The node does not answer.</strong> What is shown is how it was. {trouble}
      </p>
    );
  }
  if (node !== undefined && node.refused !== null) {
    return (
      <p class="notice bad" role="alert">
        <strong>The cluster won't have this node.</strong> {node.refused}
      </p>
    );
  }
  return null;
}

function wholeMinutes(ms: number): number {
  return Math.max(60_000, Math.floor(ms / 60_000) * 60_000);
}

/** The address is the page's own; it must not change. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}
