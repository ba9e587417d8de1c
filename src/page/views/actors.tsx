import { useEffect, useRef, useState } from 'preact/hooks';
import { chartOfMachine } from '../machine-charts.ts';
import { laneNumber, lanes } from '../lanes.ts';
import { live, type LiveActor } from '../live.ts';
import type { Chart, ChartLayout } from '../model/chart.ts';
import { count, eventText, timeOfDay } from '../model/format.ts';
import { stateText } from '../model/state-value.ts';
import { outcome } from '../model/timeline.ts';
import { Docstring } from '../parts/docstring.tsx';
import { Empty } from '../parts/empty.tsx';
import { For } from '../parts/since.tsx';
import { Statechart } from '../parts/statechart.tsx';
import { go, hrefOf, route } from '../router.ts';

/** Actors below one that stand in the list; the filter finds the others. */
const belowMax = 12;
/** Actors in the list that a narrow screen has instead. */
const selectableMax = 300;
/** A chart is never drawn smaller than this share of its full size: it can be scrolled instead. */
const scaleMin = 0.72;
const transitionsShown = 8;

/** One actor as a statechart, with the list of all beside it. */
export function ActorsView() {
  const actors = live.actors.value;
  const { subject } = route.value;
  const id = actors.has(subject) ? subject : (lanes(actors)[0] ?? '');
  useEffect(() => {
    live.selected.value = id;
    return () => {
      live.selected.value = '';
    };
  }, [id]);
  const actor = actors.get(id);
  if (actor === undefined) return <Empty title="Waiting for the node to answer" />;
  return (
    <div class="split">
      <ActorList selected={id} />
      <ActorPanel key={id} actor={actor} />
    </div>
  );
}

function ActorList({ selected }: { readonly selected: string }) {
  const [filter, setFilter] = useState('');
  const actors = [...live.actors.value.values()];
  const word = filter.trim().toLowerCase();
  return (
    <nav class="side" aria-label="Actors">
      <select
        class="actor-select"
        aria-label="Actor"
        value={selected}
        onChange={(event) => go('actors', event.currentTarget.value)}
      >
        {actors.slice(0, selectableMax).map(({ id }) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
      </select>
      <input
        type="search"
        placeholder="Find an actor"
        aria-label="Find an actor"
        value={filter}
        onInput={(event) => setFilter(event.currentTarget.value)}
      />
      <ul>
        {lanes(live.actors.value).map((id) => {
          const below = actors.filter(
            ({ parent, id: own }) => parent === id && own.toLowerCase().includes(word),
          );
          const isHidden = word !== '' && !id.includes(word) && below.length === 0;
          return isHidden ? null : <ActorBranch key={id} id={id} below={below} selected={selected} />;
        })}
      </ul>
    </nav>
  );
}

interface BranchProps {
  readonly id: string;
  readonly below: readonly LiveActor[];
  readonly selected: string;
}

function ActorBranch({ id, below, selected }: BranchProps) {
  const actor = live.actors.value.get(id);
  if (actor === undefined) return null;
  const present = below.filter(({ status, id: own }) => status.value === 'active' || own === selected);
  return (
    <li>
      <ActorLink actor={actor} isSelected={id === selected} />
      {present.length === 0 ? null : (
        <ul>
          {present.slice(0, belowMax).map((child) => (
            <li key={child.id}>
              <ActorLink actor={child} isSelected={child.id === selected} />
            </li>
          ))}
          {present.length > belowMax ? (
            <li class="rest">and {count(present.length - belowMax)} more</li>
          ) : null}
        </ul>
      )}
    </li>
  );
}

function ActorLink({ actor, isSelected }: { readonly actor: LiveActor; readonly isSelected: boolean }) {
  const name = actor.id.slice(actor.id.indexOf('.') + 1);
  const { status } = actor;
  return (
    <a
      class={`actor-link lane-${laneNumber(actor.id)} ${status.value}`}
      href={hrefOf('actors', actor.id)}
      aria-current={isSelected ? 'true' : undefined}
    >
      <span class="lane-dot" aria-hidden="true" />
      <span class="actor-name">{name}</span>
      <span class="actor-state">
        {status.value === 'active' ? stateText(actor.state.value) : status.value}
      </span>
    </a>
  );
}

function ActorPanel({ actor }: { readonly actor: LiveActor }) {
  const chart = chartOfMachine(actor.machine);
  return (
    <div class="actor-panel">
      <section class="panel" aria-labelledby="actor-title">
        <div class="actor-head">
          <h2 id="actor-title">{actor.id}</h2>
          <p class="actor-now" data-testid="actor-now">
            <strong>{stateText(actor.state.value)}</strong>
            <span>
              for <For since={actor.since.value} />
            </span>
            {actor.status.value === 'active' ? null : <span class="bad">{actor.status.value}</span>}
            {actor.restarts.value === 0 ? null : (
              <span>started anew {count(actor.restarts.value)} times</span>
            )}
            {actor.error.value === undefined ? null : <span class="bad">{actor.error.value}</span>}
          </p>
          <LastEvent actor={actor} />
        </div>
        {chart === undefined ? (
          <Empty title="There is no drawing of this machine" />
        ) : (
          <ScaledChart chart={chart} actor={actor} />
        )}
      </section>
      <div class="columns">
        {chart === undefined ? null : (
          <section class="panel" aria-labelledby="doc-title">
            <h2 id="doc-title">What it does</h2>
            <Docstring text={chart.docstring} />
            <InnerRows chart={chart} />
          </section>
        )}
        <div class="stack">
          <Context id={actor.id} />
          <Recent actor={actor} />
        </div>
      </div>
    </div>
  );
}

function LastEvent({ actor }: { readonly actor: LiveActor }) {
  const last = actor.last.value;
  return (
    <p class="last-event">
      {last === undefined ? (
        'Nothing has happened since this page was opened'
      ) : (
        <>
          Last: <code>{eventText(last.event)}</code> at {timeOfDay(last.at)}
        </>
      )}
    </p>
  );
}

/** Draws the layout that the width suits better, as large as it fits, and never too small to be read. */
function ScaledChart({ chart, actor }: { readonly chart: Chart; readonly actor: LiveActor }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (frame.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const scaleOf = (layout: ChartLayout) => Math.min(1, width / layout.width);
  const layout = scaleOf(chart.wide) >= scaleOf(chart.narrow) ? chart.wide : chart.narrow;
  useEffect(() => {
    frame.current?.querySelector('.state.lit:not(.group):not(.parallel)')?.scrollIntoView({
      block: 'nearest',
      inline: 'center',
    });
  }, [layout, width > 0]);
  return (
    <div
      ref={frame}
      class="chart-frame"
      tabIndex={0}
      role="group"
      aria-label="Statechart; scroll to see all of it"
    >
      {width === 0 ? null : (
        <Statechart layout={layout} actor={actor} scale={Math.max(scaleMin, scaleOf(layout))} />
      )}
    </div>
  );
}

function InnerRows({ chart }: { readonly chart: Chart }) {
  if (chart.inner.length === 0) return null;
  return (
    <details>
      <summary>What it takes without leaving a state</summary>
      <ul class="inner-rows">
        {chart.inner.map(({ state, event, actions }) => (
          <li key={`${state} ${event}`}>
            <code>{event}</code>
            {state === '' ? '' : ` in ${state}`}
            {actions.length === 0 ? ': nothing' : `: ${actions.join(', ')}`}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Context({ id }: { readonly id: string }) {
  const context = live.contexts.value.get(id)?.context ?? {};
  const entries = Object.entries(context).filter(([, value]) => value !== undefined);
  return (
    <section class="panel" aria-labelledby="context-title">
      <h2 id="context-title">What it knows</h2>
      {entries.length === 0 ? (
        <Empty title="It shows nothing of its memory" />
      ) : (
        <dl class="facts">
          {entries.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <code>{valueText(value)}</code>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

const valueCharsMax = 400;

function valueText(value: unknown): string {
  if (Array.isArray(value) && value.length > 20) return `${count(value.length)} items`;
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 1);
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text;
}

function Recent({ actor }: { readonly actor: LiveActor }) {
  void actor.last.value;
  void live.timelineVersion.value;
  const own = live.timeline.latestOf(actor.id, transitionsShown);
  return (
    <section class="panel" aria-labelledby="recent-title">
      <div class="panel-head">
        <h2 id="recent-title">Latest transitions</h2>
        <a href={hrefOf('timeline', actor.id)}>All of them</a>
      </div>
      {own.length === 0 ? (
        <Empty title="None since this page was opened" />
      ) : (
        <ol class="recent">
          {own.map((transition) => (
            <li key={transition.id}>
              <time>{timeOfDay(transition.at)}</time>
              <code>{eventText(transition.event)}</code>
              <span>{outcome(transition)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
