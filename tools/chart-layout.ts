import type { ELK, ElkExtendedEdge, ElkNode, ElkPoint } from 'elkjs/lib/elk-api.js';
import type { AnyStateNode } from 'xstate';
import {
  chartSizes,
  type Box,
  type Chart,
  type ChartEdge,
  type ChartLayout,
  type ChartState,
} from '../src/page/model/chart.ts';
import type { DocumentedMachine } from './actor-pages.ts';
import { childrenOf, isWithin, nameOfInvoke, nodesOf, titleOf, transitionsOf } from './machine-tree.ts';
import { statechart } from './statechart.ts';

type Direction = 'RIGHT' | 'DOWN';

/** An arrow before it has a place. */
interface Arrow {
  readonly from: AnyStateNode;
  readonly isFromAny: boolean;
  readonly to: AnyStateNode;
  readonly events: readonly string[];
  readonly lines: readonly string[];
}

/** What to draw of a machine. */
interface Drawing {
  readonly root: AnyStateNode;
  readonly arrows: readonly Arrow[];
  /** Without words. */
  readonly isMini?: boolean;
}

/** Widths are reckoned, not measured, for no two systems have the same fonts: the share of the font's size a letter takes. */
const monospacedWidth = 0.61;
const stateLetterWidth = 0.61;

/** Longer lines are broken before their guard where room is narrow, letters. */
const narrowLineLength = 14;

const rootId = '(root)';

let engine: Promise<ELK> | undefined;

/** It is large, and loaded only where something is laid out. */
async function loadEngine(): Promise<ELK> {
  const { default: module } = await import('elkjs/lib/elk.bundled.js');
  return new module.default();
}

/** Lays a machine out, in both directions. */
export async function chartOf({ machine, docstring }: DocumentedMachine): Promise<Chart> {
  const { root } = machine;
  const arrows = arrowsOf(root);
  const broken = arrows.map((arrow) => ({ ...arrow, lines: arrow.lines.flatMap(brokenLine) }));
  const { inner } = statechart(machine);
  return {
    id: machine.id,
    docstring,
    wide: await layOut({ root, arrows }, 'RIGHT'),
    narrow: await layOut({ root, arrows: broken }, 'DOWN'),
    mini: await layOut({ root, arrows, isMini: true }, 'RIGHT'),
    inner,
  };
}

// --- What there is to draw

function arrowsOf(root: AnyStateNode): Arrow[] {
  const arrows = new Map<string, Arrow>();
  for (const node of nodesOf(root)) {
    for (const { transition, label } of transitionsOf(node)) {
      for (const target of transition.target ?? []) {
        const { from, isFromAny, to } = ends(node, target);
        const key = JSON.stringify([from.path, isFromAny, to.path]);
        const before = arrows.get(key);
        arrows.set(key, {
          from,
          isFromAny,
          to,
          events: [...new Set([...(before?.events ?? []), transition.eventType])],
          lines: [...new Set([...(before?.lines ?? []), label])],
        });
      }
    }
  }
  return [...arrows.values()];
}

/** Where arrows run down, labels stand side by side, and short lines keep the chart narrow. */
function brokenLine(line: string): string[] {
  const guardAt = line.indexOf(' [');
  return guardAt < 0 || line.length <= narrowLineLength
    ? [line]
    : [line.slice(0, guardAt), `  ${line.slice(guardAt + 1)}`];
}

/** No arrow is drawn between a group and what is in it: from inside it would leave a state, into it would enter one. */
function ends(source: AnyStateNode, target: AnyStateNode): Pick<Arrow, 'from' | 'isFromAny' | 'to'> {
  const initial = target.initial?.target[0];
  if (isWithin(source, target) && initial !== undefined) return ends(source, initial);
  const isFromAny = isWithin(target, source) && childrenOf(source).length > 0;
  return { from: source, isFromAny, to: target };
}

// --- How ELK is told of it

const layoutOptions = {
  'elk.algorithm': 'layered',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.edgeCoords': 'ROOT',
  'elk.json.shapeCoords': 'ROOT',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
  'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
  'elk.layered.spacing.nodeNodeBetweenLayers': '28',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '12',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '18',
  'elk.spacing.edgeEdge': '14',
  'elk.spacing.edgeLabel': '4',
  'elk.spacing.labelLabel': '6',
  'elk.spacing.nodeSelfLoop': '14',
  'elk.padding': '[top=12,left=12,bottom=12,right=12]',
};

/** What is different where there are no words to make room for. */
const miniOptions = {
  ...layoutOptions,
  'elk.layered.spacing.nodeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeNodeBetweenLayers': '8',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '6',
  'elk.spacing.nodeNode': '10',
  'elk.spacing.edgeNode': '6',
  'elk.spacing.edgeEdge': '6',
  'elk.spacing.nodeSelfLoop': '6',
  'elk.padding': '[top=4,left=4,bottom=4,right=4]',
};

async function layOut(drawing: Drawing, direction: Direction): Promise<ChartLayout> {
  const { root, arrows, isMini = false } = drawing;
  const children = [
    ...pseudoStates(root, drawing),
    ...childrenOf(root).map((node) => elkNode(node, drawing)),
  ];
  const graph: ElkNode = {
    id: rootId,
    children,
    edges: [
      ...arrows.map((arrow, index) => elkEdge(arrow, index, isMini)),
      ...groupsOf(root).flatMap(startEdge),
    ],
    layoutOptions: { ...(isMini ? miniOptions : layoutOptions), 'elk.direction': direction },
  };
  engine ??= loadEngine();
  const placed: ElkNode = await (await engine).layout(graph);
  const at = new Map(flatten(placed).map((node) => [node.id, node]));
  const paths = new Map((placed.edges ?? []).map((edge) => [edge.id, edge]));
  return {
    width: Math.ceil(placed.width ?? 0),
    height: Math.ceil(placed.height ?? 0),
    states: nodesOf(root)
      .flatMap((node) => drawnStates(node, drawing, at))
      .filter(({ path, kind }) => path !== '' || kind === 'start' || kind === 'any'),
    edges: [
      ...arrows.map((arrow, index) => drawnEdge(arrow, paths.get(`arrow ${index}`))),
      ...groupsOf(root).flatMap((group) => drawnStart(group, paths.get(`start ${idOf(group)}`))),
    ],
  };
}

function elkNode(node: AnyStateNode, drawing: Drawing): ElkNode {
  if (childrenOf(node).length === 0) {
    return { id: idOf(node), ...(drawing.isMini ? miniStateSize : stateSize(node)) };
  }
  const title = chartSizes.groupTitle + node.invoke.length * chartSizes.effectLine;
  return {
    id: idOf(node),
    children: [...pseudoStates(node, drawing), ...childrenOf(node).map((child) => elkNode(child, drawing))],
    layoutOptions: drawing.isMini
      ? { 'elk.padding': '[top=8,left=8,bottom=8,right=8]' }
      : {
          'elk.padding': `[top=${title + 8},left=18,bottom=18,right=18]`,
          'elk.nodeSize.constraints': 'MINIMUM_SIZE',
          'elk.nodeSize.minimum': `(${textWidth(titleOf(node), chartSizes.stateFont, stateLetterWidth) + 36}, 40)`,
        },
  };
}

/** The dot where a group is entered, and what stands for any of its states where some arrow leaves from there. */
function pseudoStates(group: AnyStateNode, { arrows, isMini }: Drawing): ElkNode[] {
  const hasAny = arrows.some(({ from, isFromAny }) => isFromAny && from === group);
  return [
    ...(group.initial?.target[0] === undefined || group.type === 'parallel'
      ? []
      : [{ id: `start ${idOf(group)}`, width: 10, height: 10 }]),
    ...(hasAny ? [{ id: `any ${idOf(group)}`, ...(isMini ? miniAnySize : anySize) }] : []),
  ];
}

function elkEdge({ from, isFromAny, to, lines }: Arrow, index: number, isMini: boolean): ElkExtendedEdge {
  return {
    id: `arrow ${index}`,
    sources: [`${isFromAny ? 'any ' : ''}${idOf(from)}`],
    targets: [idOf(to)],
    labels: isMini ? [] : [{ text: lines.join('\n'), ...labelSize(lines) }],
  };
}

function startEdge(group: AnyStateNode): ElkExtendedEdge[] {
  const initial = group.initial?.target[0];
  if (initial === undefined || group.type === 'parallel') return [];
  return [{ id: `start ${idOf(group)}`, sources: [`start ${idOf(group)}`], targets: [idOf(initial)] }];
}

// --- What comes back

function drawnStates(
  node: AnyStateNode,
  { arrows }: Drawing,
  at: ReadonlyMap<string, ElkNode>,
): ChartState[] {
  const path = node.path.join('.');
  const own = at.get(idOf(node));
  const start = at.get(`start ${idOf(node)}`);
  const any = at.get(`any ${idOf(node)}`);
  const effects = node.invoke.map(nameOfInvoke);
  const hasAny = arrows.some(({ from, isFromAny }) => isFromAny && from === node);
  return [
    ...(own === undefined
      ? []
      : [{ path, kind: kindOf(node), title: titleOf(node), effects, ...boxOf(own) }]),
    ...(start === undefined ? [] : [pseudo(path, 'start', '', start)]),
    ...(any === undefined || !hasAny ? [] : [pseudo(path, 'any', anyTitle, any)]),
  ];
}

function pseudo(path: string, kind: 'start' | 'any', title: string, node: ElkNode): ChartState {
  return { path, kind, title, effects: [], ...boxOf(node) };
}

function drawnEdge(
  { from, isFromAny, to, events, lines }: Arrow,
  edge: ElkExtendedEdge | undefined,
): ChartEdge {
  const [label] = edge?.labels ?? [];
  return {
    from: from.path.join('.'),
    isFromAny,
    to: to.path.join('.'),
    events,
    points: pointsOf(edge),
    label: label === undefined ? undefined : { lines, ...boxOf(label) },
  };
}

function drawnStart(group: AnyStateNode, edge: ElkExtendedEdge | undefined): ChartEdge[] {
  const initial = group.initial?.target[0];
  if (initial === undefined || edge === undefined) return [];
  const to = initial.path.join('.');
  return [{ from: '', isFromAny: false, to, events: [], points: pointsOf(edge), label: undefined }];
}

function pointsOf(edge: ElkExtendedEdge | undefined): ElkPoint[] {
  const sections = edge?.sections ?? [];
  const points = sections.flatMap(({ startPoint, bendPoints, endPoint }) => [
    startPoint,
    ...(bendPoints ?? []),
    endPoint,
  ]);
  return points.map(({ x, y }) => ({ x: round(x), y: round(y) }));
}

function boxOf({ x, y, width, height }: Partial<Box>): Box {
  return { x: round(x ?? 0), y: round(y ?? 0), width: round(width ?? 0), height: round(height ?? 0) };
}

// --- Sizes and names

const anyTitle = 'any state';
const anySize = { width: textWidth(anyTitle, chartSizes.labelFont, monospacedWidth) + 20, height: 24 };
const miniAnySize = { width: 18, height: 10 };
const miniStateSize = { width: 34, height: 20 };

function stateSize(node: AnyStateNode): { width: number; height: number } {
  const { stateFont, labelFont, stateLine, effectLine, statePaddingX, statePaddingY } = chartSizes;
  const title = textWidth(titleOf(node), stateFont, stateLetterWidth);
  const effects = node.invoke.map((effect) =>
    textWidth(`runs ${nameOfInvoke(effect)}`, labelFont, monospacedWidth),
  );
  return {
    width: Math.max(64, Math.ceil(Math.max(title, ...effects)) + 2 * statePaddingX),
    height: stateLine + effects.length * effectLine + 2 * statePaddingY,
  };
}

function labelSize(lines: readonly string[]): { width: number; height: number } {
  const { labelFont, labelLine, labelPadding } = chartSizes;
  const widths = lines.map((line) => textWidth(line, labelFont, monospacedWidth));
  return {
    width: Math.ceil(Math.max(...widths)) + 2 * labelPadding,
    height: lines.length * labelLine + labelPadding,
  };
}

function textWidth(text: string, fontSize: number, letterWidth: number): number {
  return text.length * fontSize * letterWidth;
}

function kindOf(node: AnyStateNode): ChartState['kind'] {
  if (node.type === 'history' || node.type === 'final' || node.type === 'parallel') return node.type;
  return childrenOf(node).length > 0 ? 'group' : 'state';
}

/** Unique in a drawing: a state's path never begins with a word and a space. */
function idOf(node: AnyStateNode): string {
  return node.path.length === 0 ? rootId : node.path.join('.');
}

function groupsOf(root: AnyStateNode): AnyStateNode[] {
  return nodesOf(root).filter((node) => childrenOf(node).length > 0);
}

function flatten(node: ElkNode): ElkNode[] {
  return [node, ...(node.children ?? []).flatMap(flatten)];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
