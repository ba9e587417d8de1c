import type { AlignedData } from 'uplot';
import { useState } from 'preact/hooks';
import { live } from '../live.ts';
import { amount, count, duration } from '../model/format.ts';
import type { Sample } from '../model/samples.ts';
import { Empty } from '../parts/empty.tsx';
import { Plot, type PlotLine } from '../parts/plot.tsx';

interface ChartKind {
  readonly title: string;
  readonly meaning: string;
  readonly topMin: number;
  readonly lines: readonly (PlotLine & { readonly of: (sample: Sample) => number | null })[];
}

const perSecond = (value: number) => `${amount(value)}/s`;

const kinds: readonly ChartKind[] = [
  {
    title: 'Throughput',
    topMin: 10,
    meaning: 'Versions stored a second: written by clients of this node, and merged from other nodes.',
    lines: [
      { name: 'written here', color: '--lane-4', text: perSecond, of: (sample) => sample.localPerSecond },
      { name: 'merged', color: '--lane-5', text: perSecond, of: (sample) => sample.mergedPerSecond },
    ],
  },
  {
    title: 'Lag',
    topMin: 100,
    meaning: 'Age of the oldest version that waits to be pushed, at the member that lags most.',
    lines: [{ name: 'lag', color: '--lane-3', text: duration, of: (sample) => sample.lagMs }],
  },
  {
    title: 'Commit size',
    topMin: 5,
    meaning: 'Versions that share one commit, and with it one sync of the disk.',
    lines: [{ name: 'versions', color: '--lane-2', text: amount, of: (sample) => sample.commitSize }],
  },
  {
    title: 'Digest differences',
    topMin: 5,
    meaning: 'Versions that the present comparison with a member found to differ, or the last one.',
    lines: [{ name: 'versions', color: '--lane-7', text: count, of: (sample) => sample.differences }],
  },
];

const spans: readonly (readonly [string, number])[] = [
  ['1 min', 60],
  ['5 min', 300],
  ['15 min', 900],
];

/** How it goes over time, since the page was opened. */
export function ChartsView() {
  const [span, setSpan] = useState(60);
  const samples = live.samples.value;
  const last = samples.at(-1);
  return (
    <>
      <div class="controls spans" role="group" aria-label="Time shown">
        {spans.map(([name, seconds]) => (
          <button key={name} type="button" aria-pressed={span === seconds} onClick={() => setSpan(seconds)}>
            {name}
          </button>
        ))}
        <span class="muted">Read once a second while this page is open.</span>
      </div>
      {last === undefined ? (
        <Empty title="The first figures come in a moment" />
      ) : (
        <div class="plots">
          {kinds.map((kind) => (
            <Chart key={kind.title} kind={kind} samples={samples} span={span} />
          ))}
        </div>
      )}
    </>
  );
}

interface ChartProps {
  readonly kind: ChartKind;
  readonly samples: readonly Sample[];
  readonly span: number;
}

function Chart({ kind, samples, span }: ChartProps) {
  const last = samples.at(-1);
  const to = (last?.at ?? 0) / 1_000;
  const shown = samples.filter(({ at }) => at / 1_000 >= to - span - 2);
  const data = [
    shown.map(({ at }) => at / 1_000),
    ...kind.lines.map(({ of }) => shown.map(of)),
  ] as AlignedData;
  const now = kind.lines.map((line) => {
    const value = last === undefined ? null : line.of(last);
    return { ...line, now: value === null ? '–' : line.text(value) };
  });
  return (
    <section class="panel" aria-label={kind.title}>
      <div class="panel-head">
        <h2>{kind.title}</h2>
        <ul class="legend">
          {now.map((line) => (
            <li key={line.name} class={line.color.slice(2)}>
              <span class="lane-dot" aria-hidden="true" />
              {line.name} <strong>{line.now}</strong>
            </li>
          ))}
        </ul>
      </div>
      <p class="muted">{kind.meaning}</p>
      <Plot
        title={`${kind.title}: ${now.map((line) => `${line.name} ${line.now}`).join(', ')}`}
        lines={kind.lines}
        topMin={kind.topMin}
        data={data}
        fromSeconds={to - span}
        toSeconds={to}
      />
    </section>
  );
}
