import uPlot, { type AlignedData, type Axis, type Series } from 'uplot';
import { useEffect, useRef } from 'preact/hooks';
import { color, colors } from '../theme.ts';

export interface PlotLine {
  readonly name: string;
  /** The custom property of its colour. */
  readonly color: string;
  readonly text: (value: number) => string;
}

interface PlotProps {
  readonly title: string;
  readonly lines: readonly PlotLine[];
  /** The scale reaches at least this far up, so that small values look small. */
  readonly topMin: number;
  /** Seconds since the epoch, then the values of each line. */
  readonly data: AlignedData;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

const height = 200;
/** Nothing that is drawn here comes in fractions worth a line of their own. */
const wholeSteps = Array.from({ length: 12 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

const axisFont = '12px system-ui, sans-serif';

/** Values over time, as uPlot draws them; the colours are those of the style sheet. */
export function Plot({ title, lines, topMin, data, fromSeconds, toSeconds }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const theme = colors.value;
  useEffect(() => {
    const parent = frame.current;
    if (parent === null) return undefined;
    plot.current = new uPlot(optionsOf(lines, topMin, parent.clientWidth), data, parent);
    const observer = new ResizeObserver(([entry]) => {
      plot.current?.setSize({ width: Math.floor(entry?.contentRect.width ?? 0), height });
    });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [lines, theme]);
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false);
      plot.current?.setScale('x', { min: fromSeconds, max: toSeconds });
    });
  }, [data, fromSeconds, toSeconds, theme]);
  return <div ref={frame} class="plot" role="img" aria-label={title} />;
}

function optionsOf(lines: readonly PlotLine[], topMin: number, width: number): uPlot.Options {
  const grid = { stroke: color('--line'), width: 1 };
  const axis: Axis = { stroke: color('--muted'), font: axisFont, grid, ticks: { ...grid, size: 4 } };
  const series = lines.map((line): Series => {
    const stroke = color(line.color);
    return {
      label: line.name,
      stroke,
      fill: `color-mix(in srgb, ${stroke} 12%, transparent)`,
      width: 1.75,
      points: { show: false },
      spanGaps: false,
      value: (_, value) => (value === null ? '–' : line.text(value)),
    };
  });
  const [first] = lines;
  return {
    width: Math.max(width, 100),
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_, __, max) => [0, Math.max(topMin, (max ?? 0) * 1.15)] },
    },
    series: [{}, ...series],
    axes: [
      { ...axis, size: 32, values: (_, ticks) => ticks.map(clockText), space: 80 },
      {
        ...axis,
        size: 66,
        incrs: wholeSteps,
        values: (_, ticks) => ticks.map((tick) => (first === undefined ? '' : first.text(tick))),
      },
    ],
  };
}

function clockText(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
