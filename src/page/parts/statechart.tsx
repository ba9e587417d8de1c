import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { live, type LiveActor } from '../live.ts';
import { chartSizes, type ChartEdge, type ChartLayout, type ChartState, type Point } from '../model/chart.ts';
import { edgeTaken } from '../model/edge-taken.ts';
import { activePaths, stateText } from '../model/state-value.ts';
import type { Transition } from '../model/timeline.ts';
import { isCalm } from '../theme.ts';

/** Of the transitions of one frame, those that are shown one by one. */
const shownPerFrameMax = 4;
/** What a mini chart shows at least, px at full size. */
const miniWidthMin = 220;
const miniHeightMin = 92;
const sparkMs = 900;
const afterglowMs = 1_200;

interface StatechartProps {
  readonly layout: ChartLayout;
  readonly actor: LiveActor;
  /** Without words, as part of a picture of many. */
  readonly isMini?: boolean;
  /** What share of its full size it is drawn at; a mini one fills its place. */
  readonly scale?: number;
}

/**
 * A machine as a drawing whose active states are lit. Preact draws it once; what happens afterwards is set on the
 * elements themselves, so that a busy actor costs a few attributes a frame.
 */
export function Statechart({ layout, actor, isMini = false, scale = 1 }: StatechartProps) {
  const svg = useRef<SVGSVGElement>(null);
  useEffect(() => {
    if (svg.current === null) return undefined;
    const lamp = new Lamp(svg.current, layout);
    const stop = effect(() => lamp.show(actor));
    const unwatch = live.watch(actor.id, (transitions) => lamp.follow(transitions));
    return () => {
      stop();
      unwatch();
    };
  }, [layout, actor]);
  const { width, height, states, edges } = layout;
  const size = isMini ? {} : { width: width * scale, height: height * scale };
  // A small machine does not fill its place.
  const seenWidth = isMini ? Math.max(width, miniWidthMin) : width;
  const seenHeight = isMini ? Math.max(height, miniHeightMin) : height;
  return (
    <svg
      ref={svg}
      class={isMini ? 'statechart mini' : 'statechart'}
      viewBox={`${(width - seenWidth) / 2} ${(height - seenHeight) / 2} ${seenWidth} ${seenHeight}`}
      role="img"
      aria-label={`${actor.id} is in ${stateText(actor.state.peek())}`}
      {...size}
    >
      {states.filter(isGroup).map((state) => (
        <State key={`${state.kind} ${state.path}`} state={state} isMini={isMini} />
      ))}
      {edges.map((edge, index) => (
        <Edge key={index} edge={edge} index={index} />
      ))}
      {states
        .filter((state) => !isGroup(state))
        .map((state) => (
          <State key={`${state.kind} ${state.path}`} state={state} isMini={isMini} />
        ))}
      {isMini ? null : edges.map((edge, index) => <EdgeLabel key={index} edge={edge} index={index} />)}
    </svg>
  );
}

function isGroup({ kind }: ChartState): boolean {
  return kind === 'group' || kind === 'parallel';
}

function State({ state, isMini }: { readonly state: ChartState; readonly isMini: boolean }) {
  const { x, y, width, height, kind, path, title, effects } = state;
  if (kind === 'start') return <circle class="start" cx={x + width / 2} cy={y + height / 2} r={width / 2} />;
  const radius = kind === 'any' ? height / 2 : chartSizes.cornerRadius;
  const box = { x, y, width, height, rx: radius };
  const left = isGroup(state) ? x + chartSizes.statePaddingX : x + width / 2;
  const top = isGroup(state) ? y + 22 : y + chartSizes.statePaddingY + 14;
  return (
    <g class={`state ${kind}`} data-path={kind === 'any' ? undefined : path}>
      <rect class="base" {...box} />
      {kind === 'any' ? null : <rect class="glow" {...box} />}
      {kind === 'final' ? (
        <rect class="inner" x={x + 3} y={y + 3} width={width - 6} height={height - 6} rx={radius - 2} />
      ) : null}
      {isMini ? null : (
        <>
          <text class="title" x={left} y={kind === 'any' ? y + height / 2 + 4 : top}>
            {title}
          </text>
          {effects.map((name, index) => (
            <text key={name} class="effect" x={left} y={top + (index + 1) * chartSizes.effectLine + 1}>
              runs {name}
            </text>
          ))}
        </>
      )}
    </g>
  );
}

function Edge({ edge, index }: { readonly edge: ChartEdge; readonly index: number }) {
  const line = roundedLine(edge.points);
  return (
    <g class="edge" data-edge={index}>
      <path class="line" d={line} />
      <path class="head" d={arrowHead(edge.points)} />
      <path class="spark" d={line} pathLength={1} />
    </g>
  );
}

function EdgeLabel({ edge, index }: { readonly edge: ChartEdge; readonly index: number }) {
  if (edge.label === undefined) return null;
  const { lines, x, y, width, height } = edge.label;
  return (
    <g class="edge-label" data-edge={index}>
      <rect x={x} y={y} width={width} height={height} rx={4} />
      <text x={x + chartSizes.labelPadding} y={y + 12}>
        {lines.map((line, at) => (
          <tspan key={at} x={x + chartSizes.labelPadding} dy={at === 0 ? 0 : chartSizes.labelLine}>
            {line}
          </tspan>
        ))}
      </text>
    </g>
  );
}

/** Lights the states of one drawing. */
class Lamp {
  readonly #svg: SVGSVGElement;
  readonly #edges: readonly ChartEdge[];
  readonly #states: ReadonlyMap<string, Element>;
  #taken: ChartEdge | undefined;

  constructor(svg: SVGSVGElement, { edges }: ChartLayout) {
    this.#svg = svg;
    this.#edges = edges;
    const states = [...svg.querySelectorAll('[data-path]')];
    this.#states = new Map(states.map((state) => [state.getAttribute('data-path') ?? '', state]));
  }

  show({ id, state, status }: LiveActor): void {
    const active = new Set(activePaths(state.value));
    for (const [path, element] of this.#states) element.classList.toggle('lit', active.has(path));
    this.#svg.classList.toggle('ended', status.value === 'stopped');
    this.#svg.classList.toggle('failed', status.value === 'error');
    this.#svg.setAttribute('aria-label', `${id} is in ${stateText(state.value)}`);
  }

  /** Shows on which ways the actor came to where it is now. */
  follow(transitions: readonly Transition[]): void {
    const now = new Set(activePaths(transitions.at(-1)?.to ?? null));
    for (const transition of transitions.slice(-shownPerFrameMax)) {
      const edge = edgeTaken(this.#edges, transition);
      if (edge !== undefined) this.#take(edge);
      if (isCalm()) continue;
      for (const path of activePaths(transition.to)) if (!now.has(path)) this.#flash(path);
    }
  }

  #take(edge: ChartEdge): void {
    if (edge !== this.#taken) {
      for (const element of this.#elementsOf(this.#taken)) element.classList.remove('taken');
      for (const element of this.#elementsOf(edge)) element.classList.add('taken');
      this.#taken = edge;
    }
    if (isCalm()) return;
    const spark = this.#svg.querySelector(`.edge[data-edge="${this.#edges.indexOf(edge)}"] .spark`);
    for (const animation of spark?.getAnimations() ?? []) animation.cancel();
    spark?.animate(
      [
        { strokeDashoffset: 0.3, opacity: 1 },
        { strokeDashoffset: -0.7, opacity: 1, offset: 0.7 },
        { strokeDashoffset: -1, opacity: 0 },
      ],
      { duration: sparkMs, easing: 'ease-in-out' },
    );
  }

  /** A state that was left before anybody could see it glows for a moment. */
  #flash(path: string): void {
    const glow = this.#states.get(path)?.querySelector('.glow');
    glow?.animate([{ opacity: 1 }, { opacity: 0 }], { duration: afterglowMs, easing: 'ease-out' });
  }

  #elementsOf(edge: ChartEdge | undefined): Iterable<Element> {
    if (edge === undefined) return [];
    return this.#svg.querySelectorAll(`[data-edge="${this.#edges.indexOf(edge)}"]`);
  }
}

// --- Lines

function roundedLine(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (before === undefined) return `M${point.x} ${point.y}`;
      if (after === undefined) return `L${point.x} ${point.y}`;
      const radius = Math.min(
        chartSizes.cornerRadius,
        distance(before, point) / 2,
        distance(point, after) / 2,
      );
      const from = toward(point, before, radius);
      const to = toward(point, after, radius);
      return `L${from.x} ${from.y}Q${point.x} ${point.y} ${to.x} ${to.y}`;
    })
    .join('');
}

const headLength = 7;
const headWidth = 3.5;

/** A triangle whose tip is where the line ends. */
function arrowHead(points: readonly Point[]): string {
  const tip = points.at(-1);
  const before = points.at(-2);
  if (tip === undefined || before === undefined) return '';
  const base = toward(tip, before, headLength);
  const across = {
    x: ((base.y - tip.y) / headLength) * headWidth,
    y: ((tip.x - base.x) / headLength) * headWidth,
  };
  return `M${tip.x} ${tip.y}L${base.x + across.x} ${base.y + across.y}L${base.x - across.x} ${base.y - across.y}z`;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function toward(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to) || 1;
  const round = (value: number) => Math.round(value * 100) / 100;
  return {
    x: round(from.x + ((to.x - from.x) * length) / whole),
    y: round(from.y + ((to.y - from.y) * length) / whole),
  };
}
