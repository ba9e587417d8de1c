import type { AnyStateNode, AnyTransitionDefinition } from 'xstate';

// --- The tree

export function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

export function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...childrenOf(node).flatMap(nodesOf)];
}

/** True for a node and everything above it. */
export function isWithin(node: AnyStateNode, outer: AnyStateNode): boolean {
  return node === outer || (node.parent !== undefined && isWithin(node.parent, outer));
}

// --- Transitions

/** A transition, and how it is called in a drawing. */
export interface Taken {
  readonly transition: AnyTransitionDefinition;
  readonly label: string;
}

export function transitionsOf(node: AnyStateNode): Taken[] {
  const lists = [...node.transitions.values(), ...(node.always === undefined ? [] : [node.always])];
  return lists.flatMap((list) =>
    list.map((transition, i) => {
      const guard = transition.guard === undefined ? (i > 0 ? 'else' : '') : guardName(transition.guard);
      const words = [eventName(node, transition.eventType), guard === '' ? '' : `[${guard}]`];
      return { transition, label: words.filter((word) => word !== '').join(' ') || 'always' };
    }),
  );
}

function eventName(node: AnyStateNode, type: string): string {
  const [, kind, id] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type) ?? [];
  const effect = node.invoke.find((invoked) => invoked.id === id);
  if (effect !== undefined) return `${nameOfInvoke(effect)} ${kind === 'done' ? 'done' : 'failed'}`;
  if (type === `xstate.done.state.${node.id}`) return 'all done';
  const after = 'xstate.after.';
  if (type.startsWith(after)) {
    const delay = type.slice(after.length, -(node.id.length + 1));
    return /^\d+$/.test(delay) ? `after ${delay} ms` : `after ${delay}`;
  }
  return type === '*' ? 'any other event' : type;
}

// --- Names

export function titleOf(node: AnyStateNode): string {
  return node.type === 'history' ? `${node.key} (${node.history || 'shallow'} history)` : node.key;
}

export function nameOfInvoke({ src }: { readonly src: unknown }): string {
  return typeof src === 'string' ? src : 'an unnamed effect';
}

export function nameOf(action: unknown): string {
  if (typeof action === 'string') return action;
  const { type } = action as { type?: unknown };
  return typeof type === 'string' ? type : 'an unnamed action';
}

function guardName(guard: unknown): string {
  if (typeof guard !== 'function') return nameOf(guard).replace('an unnamed action', 'an unnamed guard');
  const { name, guards } = guard as { name: string; guards?: readonly unknown[] };
  if (guards === undefined) return 'an unnamed guard';
  const names = guards.map(guardName);
  return name === 'not' ? `not ${names.join('')}` : names.join(` ${name} `);
}
