import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { seconds } from '../clock.ts';
import { chartOfMachine } from '../machine-charts.ts';
import { laneNumber, lanes } from '../lanes.ts';
import { live, type LiveActor } from '../live.ts';
import { amount, count, duration } from '../model/format.ts';
import { stateText } from '../model/state-value.ts';
import { lagWarningMs } from '../model/trouble.ts';
import { ActivityStrip } from '../parts/activity-strip.tsx';
import { ClusterMap } from '../parts/cluster-map.tsx';
import { Empty } from '../parts/empty.tsx';
import { MembersTable } from '../parts/members-table.tsx';
import { Sparkline } from '../parts/sparkline.tsx';
import { Statechart } from '../parts/statechart.tsx';
import { hrefOf } from '../router.ts';

const sparkSamples = 60;

/** Everything at a glance. */
export function OverviewView() {
  if (live.cluster.value === undefined) return <Empty title="Waiting for the node to answer" />;
  return (
    <>
      <Tiles />
      <section class="panel cluster" aria-labelledby="cluster-title">
        <h2 id="cluster-title">Cluster</h2>
        <div class="cluster-body">
          <ClusterMap />
          <div class="scroll-x">
            <MembersTable />
          </div>
        </div>
      </section>
      <section class="wall" aria-labelledby="wall-title">
        <h2 id="wall-title">Actors</h2>
        <div class="cards">
          {lanes(live.actors.value).map((id) => (
            <ActorCard key={id} id={id} />
          ))}
        </div>
      </section>
      <section class="panel" aria-labelledby="minute-title">
        <div class="panel-head">
          <h2 id="minute-title">The last minute</h2>
          <a href={hrefOf('timeline')}>Timeline</a>
        </div>
        <ActivityStrip />
      </section>
    </>
  );
}

function Tiles() {
  const members = live.members.value;
  const alive = members.filter(({ state }) => state === 'alive').length;
  const failing = members.filter(({ link }) => (link?.failures ?? 0) > 0).length;
  const samples = live.samples.value.slice(-sparkSamples);
  const latest = samples.at(-1);
  const lagMs = latest?.lagMs ?? 0;
  const store = live.store.value;
  const decisions = live.decisions.value.length;
  return (
    <section class="tiles" aria-label="In short">
      <Tile
        label="Members alive"
        value={`${count(alive)} of ${count(members.length)}`}
        note={failing === 0 ? 'all links answer' : `${count(failing)} failing`}
        isBad={alive < members.length || failing > 0}
      />
      <Tile
        label="Writes a second"
        value={latest === undefined ? '–' : amount(latest.localPerSecond + latest.mergedPerSecond)}
        note={
          latest === undefined
            ? 'counting'
            : `${amount(latest.localPerSecond)} here, ${amount(latest.mergedPerSecond)} merged`
        }
      >
        <Sparkline values={samples.map((sample) => sample.localPerSecond + sample.mergedPerSecond)} />
      </Tile>
      <Tile
        label="Largest lag"
        value={lagMs === 0 ? 'none' : duration(lagMs)}
        note="oldest waiting push"
        isBad={lagMs >= lagWarningMs}
      >
        <Sparkline values={samples.map((sample) => sample.lagMs)} />
      </Tile>
      <Tile
        label="Differences"
        value={latest === undefined ? '–' : count(latest.differences)}
        note={store?.digests_ready === false ? 'digests are being summed' : 'in the latest comparison'}
      >
        <Sparkline values={samples.map((sample) => sample.differences)} />
      </Tile>
      <Tile
        label="Conflicts decided"
        value={count(decisions)}
        note={decisions === 0 ? 'none remembered' : 'remembered here'}
        href={hrefOf('conflicts')}
      />
      <Tile
        label="Commits"
        value={store === undefined ? '–' : count(store.sequence)}
        note={store === undefined ? '' : `root ${store.root.slice(0, 8)}`}
      />
    </section>
  );
}

interface TileProps {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly isBad?: boolean;
  readonly href?: string;
  readonly children?: ComponentChildren;
}

function Tile({ label, value, note, isBad = false, href, children }: TileProps) {
  const body = (
    <>
      <span class="tile-label">{label}</span>
      <span class="tile-value">{value}</span>
      <span class="tile-note">{note}</span>
      {children}
    </>
  );
  const name = isBad ? 'tile warn' : 'tile';
  return href === undefined ? (
    <div class={name}>{body}</div>
  ) : (
    <a class={name} href={href}>
      {body}
    </a>
  );
}

function ActorCard({ id }: { readonly id: string }) {
  const actor = live.actors.value.get(id);
  if (actor === undefined) return null;
  const chart = chartOfMachine(actor.machine);
  return (
    <a class={`card lane-${laneNumber(id)}`} href={hrefOf('actors', id)} data-actor={id}>
      <span class="card-title">{id}</span>
      {chart === undefined ? null : <Statechart layout={chart.mini} actor={actor} isMini />}
      <span class="card-state">
        <StateWords actor={actor} />
      </span>
      <Below id={id} />
    </a>
  );
}

function StateWords({ actor }: { readonly actor: LiveActor }) {
  const { error, restarts } = actor;
  if (error.value !== undefined) return <span class="bad">failed: {error.value}</span>;
  const again = restarts.value === 0 ? '' : `, started anew ${count(restarts.value)} times`;
  return (
    <>
      {stateText(actor.state.value)}
      {again}
    </>
  );
}

/** With more actors below it, they are counted once a second instead of at every change. */
const countedLiveMax = 24;

/** The actors below one, counted by state. */
function Below({ id }: { readonly id: string }) {
  const all = [...live.actors.value.values()].filter(({ parent }) => parent === id);
  const isCrowd = all.length > countedLiveMax;
  if (isCrowd) void seconds.value;
  const read = <T,>(signal: Signal<T>): T => (isCrowd ? signal.peek() : signal.value);
  const below = all.filter(({ status }) => read(status) === 'active');
  if (below.length === 0) return null;
  const counts = new Map<string, number>();
  for (const { state } of below) {
    const words = stateText(read(state));
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const words = [...counts].map(([state, many]) => `${count(many)} ${state}`);
  return (
    <span class="card-below">
      {count(below.length)} below: {words.join(', ')}
    </span>
  );
}
