import { useEffect } from 'preact/hooks';
import { laneNumber, lanes } from '../lanes.ts';
import { live } from '../live.ts';
import { togglePause } from '../keyboard.ts';
import { count, eventText, timeOfDay } from '../model/format.ts';
import { isChange, outcome, type TimelineFilter, type Transition } from '../model/timeline.ts';
import { ActivityStrip } from '../parts/activity-strip.tsx';
import { Empty } from '../parts/empty.tsx';
import { Icon } from '../parts/icon.tsx';
import { VirtualList } from '../parts/virtual-list.tsx';
import { isNarrow } from '../screen.ts';
import { hrefOf, route } from '../router.ts';

const rowHeight = 30;
/** On a narrow screen a row has two lines. */
const tallRowHeight = 50;

/** What all actors did, newest first. */
export function TimelineView() {
  const { subject } = route.value;
  useEffect(() => {
    change({ actor: subject });
  }, [subject]);
  void live.timelineVersion.value;
  const { timeline } = live;
  return (
    <>
      <section class="panel" aria-label="The last minute">
        <ActivityStrip />
      </section>
      <section class="panel timeline" aria-label="Transitions">
        <Controls filter={timeline.filter} />
        <Status />
        {timeline.shown.length === 0 ? (
          <Empty title={timeline.keptCount === 0 ? 'Nothing has happened yet' : 'Nothing passes this filter'}>
            {timeline.keptCount === 0
              ? 'Each transition of an actor appears here as it happens.'
              : 'Fewer words, or all actors, show more.'}
          </Empty>
        ) : (
          <VirtualList
            items={timeline.shown}
            rowHeight={isNarrow.value ? tallRowHeight : rowHeight}
            keyOf={({ id }) => id}
            label="Transitions, newest first"
          >
            {(transition) => <Row transition={transition} />}
          </VirtualList>
        )}
      </section>
    </>
  );
}

function Controls({ filter }: { readonly filter: TimelineFilter }) {
  void live.timelineVersion.value;
  const { isPaused } = live.timeline;
  const names = lanes(live.actors.value);
  const hasSelected = filter.actor === '' || names.includes(filter.actor);
  return (
    <div class="controls">
      <button type="button" aria-pressed={isPaused} onClick={togglePause} title="Pause, or go on (p)">
        <Icon name={isPaused ? 'play' : 'pause'} />
        {isPaused ? 'Go on' : 'Pause'}
      </button>
      <input
        type="search"
        placeholder="Filter by actor, event or state"
        aria-label="Filter by actor, event or state"
        value={filter.text}
        onInput={(event) => change({ text: event.currentTarget.value })}
      />
      <select
        aria-label="Actor"
        value={filter.actor}
        onChange={(event) => change({ actor: event.currentTarget.value })}
      >
        <option value="">All actors</option>
        {hasSelected ? null : <option value={filter.actor}>{filter.actor}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <label class="check">
        <input
          type="checkbox"
          checked={filter.onlyChanges}
          onChange={(event) => change({ onlyChanges: event.currentTarget.checked })}
        />
        only changes of state
      </label>
    </div>
  );
}

function Status() {
  void live.timelineVersion.value;
  const { timeline } = live;
  const dropped = live.dropped.value;
  return (
    <p class="timeline-status" role="status">
      <span>
        {count(timeline.shown.length)} shown of {count(timeline.keptCount)} kept
      </span>
      {timeline.isPaused ? (
        <span class="paused">paused, {count(timeline.waitingCount)} came since</span>
      ) : null}
      {dropped > 0 ? <span class="warn">{count(dropped)} came too fast and were left out</span> : null}
    </p>
  );
}

function Row({ transition }: { readonly transition: Transition }) {
  const { actor, at, event } = transition;
  return (
    <div class={`row lane-${laneNumber(actor)}`}>
      <time>{timeOfDay(at)}</time>
      <a href={hrefOf('actors', actor)}>
        <span class="lane-dot" aria-hidden="true" />
        {actor}
      </a>
      <code>{eventText(event)}</code>
      <span class={isChange(transition) ? 'outcome' : 'outcome same'}>
        {isChange(transition) ? outcome(transition) : 'stays'}
      </span>
    </div>
  );
}

function change(part: Partial<TimelineFilter>): void {
  live.timeline.setFilter({ ...live.timeline.filter, ...part });
  live.timelineChanged();
}
