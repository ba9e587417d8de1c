import type { AnyStateMachine, AnyStateNode } from 'xstate';
import {
  childrenOf,
  isWithin,
  nameOf,
  nameOfInvoke,
  nodesOf,
  titleOf,
  transitionsOf,
} from './machine-tree.ts';

/** A transition that changes nothing but what its actions change. */
export interface InnerTransition {
  /** The path of the state in the machine, with dots; empty for the machine itself. */
  readonly state: string;
  readonly event: string;
  readonly actions: readonly string[];
}

export interface Statechart {
  /** The lines of a mermaid `stateDiagram-v2`, without an end of line. */
  readonly diagram: string;
  /** What the diagram leaves out. */
  readonly inner: readonly InnerTransition[];
}

interface Arrow {
  readonly from: AnyStateNode;
  readonly to: AnyStateNode;
  readonly label: string;
}

/**
 * Draws a machine: states nested as they are, parallel ones beside each other; arrows labelled by event, delay and
 * guard; invoked effects named in their states. A transition that holds in all states of a group to one of them is
 * drawn from each of them, as mermaid knows no arrow from a group into itself.
 */
export function statechart(machine: AnyStateMachine): Statechart {
  const { root } = machine;
  const transitions = nodesOf(root).flatMap((node) =>
    transitionsOf(node).map((taken) => ({ node, ...taken })),
  );
  const arrows = transitions.flatMap(({ node, transition, label }) =>
    (transition.target ?? []).flatMap((target) => arrowsOf(node, target, transition.eventType, label)),
  );
  const inner = transitions
    .filter(({ transition }) => transition.target === undefined)
    .map(({ node, transition, label }) => ({
      state: node.path.join('.'),
      event: label,
      actions: transition.actions.map(nameOf),
    }));
  const body = root.type === 'parallel' ? groupLines(root, arrows, '  ') : documentLines(root, arrows, '  ');
  const across = arrows.filter(({ from, to }) => from.parent !== to.parent);
  return { diagram: ['stateDiagram-v2', ...body, ...arrowLines(across, '  ')].join('\n'), inner };
}

// --- Arrows

/** The arrows of one transition, of which neither leads from a group into itself nor back. */
function arrowsOf(source: AnyStateNode, target: AnyStateNode, event: string, label: string): Arrow[] {
  const initial = target.initial?.target[0];
  if (isWithin(source, target) && initial !== undefined) return arrowsOf(source, initial, event, label);
  if (!isWithin(target, source) || source.type === 'atomic') return [{ from: source, to: target, label }];
  const children = childrenOf(source).filter((child) =>
    source.type === 'parallel' ? isWithin(target, child) : canTake(child, event),
  );
  return children.flatMap((child) => arrowsOf(child, target, event, label));
}

/** False for a state that has no transitions, is left before any event, or takes this one for itself. */
function canTake(node: AnyStateNode, event: string): boolean {
  if (node.type === 'final' || node.type === 'history') return false;
  const own = [...(node.transitions.get(event) ?? []), ...(node.always ?? [])];
  return own.every(({ guard }) => guard !== undefined);
}

// --- Lines

/** What stands in a diagram, or in the braces of a state: where it begins, its states, and the arrows among them. */
function documentLines(node: AnyStateNode, arrows: readonly Arrow[], indent: string): string[] {
  const initial = node.initial?.target[0];
  return [
    ...(initial === undefined ? [] : [`${indent}[*] --> ${idOf(childToward(node, initial))}`]),
    ...childrenOf(node).flatMap((child) => stateLines(child, arrows, indent)),
    ...arrowLines(
      arrows.filter(({ from, to }) => from.parent === node && to.parent === node),
      indent,
    ),
  ];
}

function stateLines(node: AnyStateNode, arrows: readonly Arrow[], indent: string): string[] {
  if (childrenOf(node).length > 0) return groupLines(node, arrows, indent);
  const id = idOf(node);
  const effects = node.invoke.map((effect) => `${indent}${id} : invokes ${escaped(nameOfInvoke(effect))}`);
  const isPlain = id === node.key && effects.length === 0;
  return [
    isPlain ? `${indent}${id}` : `${indent}state "${escaped(titleOf(node))}" as ${id}`,
    ...effects,
    ...(node.type === 'final' ? [`${indent}${id} --> [*]`] : []),
  ];
}

function groupLines(node: AnyStateNode, arrows: readonly Arrow[], indent: string): string[] {
  const effects = node.invoke.map((effect) => `, invokes ${nameOfInvoke(effect)}`).join('');
  const deeper = `${indent}  `;
  const inside =
    node.type === 'parallel'
      ? childrenOf(node).flatMap((region, i) => [
          ...(i === 0 ? [] : [`${deeper}--`]),
          ...stateLines(region, arrows, deeper),
        ])
      : documentLines(node, arrows, deeper);
  return [`${indent}state "${escaped(titleOf(node) + effects)}" as ${idOf(node)} {`, ...inside, `${indent}}`];
}

/** Arrows between the same two states become one, with a line for each. */
function arrowLines(arrows: readonly Arrow[], indent: string): string[] {
  const labels = new Map<string, string[]>();
  for (const { from, to, label } of arrows) {
    const arrow = `${indent}${idOf(from)} --> ${idOf(to)}`;
    labels.set(arrow, [...(labels.get(arrow) ?? []), escaped(label)]);
  }
  return [...labels].map(([arrow, lines]) => `${arrow} : ${[...new Set(lines)].join('<br>')}`);
}

// --- Names

/** What mermaid would take for something else than the name of a state. */
const reserved = new Set(
  'as choice class classDef click default direction end fork hide join note root scale state style'.split(
    ' ',
  ),
);

/** Unlike keys, paths are unique in a diagram. */
function idOf(node: AnyStateNode): string {
  const path = node.path.length === 0 ? [node.key] : node.path;
  const id = path.map((key) => key.replace(/\W/g, (character) => `_${character.charCodeAt(0)}_`)).join('_');
  return reserved.has(id) ? `${id}_` : id;
}

/** What could end a label, or begin markup in it, as the entities that mermaid decodes. */
function escaped(text: string): string {
  return text.replace(/[^\w .,[\]()/=+!?'-]/gu, (character) => `#${character.codePointAt(0)};`);
}

/** The child of `node` that holds `inner`. */
function childToward(node: AnyStateNode, inner: AnyStateNode): AnyStateNode {
  return childrenOf(node).find((child) => isWithin(inner, child)) ?? inner;
}
