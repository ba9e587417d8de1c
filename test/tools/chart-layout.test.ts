import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import type { Box, Chart, ChartLayout } from '../../src/page/model/chart.ts';
import { machinesIn } from '../../tools/actor-pages.ts';
import { chartOf } from '../../tools/chart-layout.ts';
import { chartsIn } from '../../tools/charts.ts';
import { nodesOf } from '../../tools/machine-tree.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const charts = await chartsIn(root);
const machines = await machinesIn(root);

const layouts = charts.flatMap(({ id, wide, narrow, mini }) =>
  Object.entries({ wide, narrow, mini }).map(([kind, layout]) => ({ name: `${id}, ${kind}`, layout })),
);

const isGroup = ({ kind }: { kind: string }) => kind === 'group' || kind === 'parallel';

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function holds(outer: Box, inner: Box): boolean {
  return (
    outer.x <= inner.x &&
    outer.y <= inner.y &&
    outer.x + outer.width >= inner.x + inner.width &&
    outer.y + outer.height >= inner.y + inner.height
  );
}

describe.each(layouts)('The chart of $name', ({ layout }) => {
  const boxes = layout.states.filter((state) => !isGroup(state));
  const labels = layout.edges.flatMap(({ label }) => (label === undefined ? [] : [label]));

  it('has no state or label upon another one, and nothing beyond its edge', () => {
    const all: Box[] = [...boxes, ...labels];
    const frame = { x: 0, y: 0, width: layout.width, height: layout.height };
    all.forEach((box, index) => {
      expect(holds(frame, box)).toBe(true);
      for (const other of all.slice(index + 1)) {
        expect({ box, other, overlap: overlap(box, other) }).toMatchObject({ overlap: false });
      }
    });
  });

  it('has each state within its groups, and in no other one', () => {
    for (const group of layout.states.filter(isGroup)) {
      for (const box of boxes) {
        const isInside =
          box.kind === 'start' || box.kind === 'any'
            ? box.path === group.path || box.path.startsWith(`${group.path}.`)
            : box.path.startsWith(`${group.path}.`);
        expect(isInside ? holds(group, box) : !overlap(group, box)).toBe(true);
      }
    }
  });

  it('draws every arrow from somewhere to somewhere', () => {
    for (const { points } of layout.edges) expect(points.length).toBeGreaterThanOrEqual(2);
  });
});

describe('The charts', () => {
  it('are there for each machine, with each of its states', () => {
    expect(charts.map(({ id }) => id)).toEqual(machines.map(({ machine }) => machine.id));
    machines.forEach(({ machine }, index) => {
      const expected = nodesOf(machine.root)
        .map(({ path }) => path.join('.'))
        .filter((path) => path !== '');
      const drawn = charts[index]?.wide.states.filter(({ kind }) => kind !== 'start' && kind !== 'any');
      expect(drawn?.map(({ path }) => path).toSorted()).toEqual(expected.toSorted());
    });
  });

  it('lead from a state or from any state of a group, and into a group by way of its first state', async () => {
    const machine = createMachine({
      id: 'example',
      initial: 'group',
      on: { end: '.over' },
      states: {
        group: {
          initial: 'one',
          on: { again: { target: 'group', reenter: true }, leave: 'over' },
          states: { one: { after: { 50: 'two' } }, two: { on: { over: '#example.over', '*': 'one' } } },
        },
        over: { type: 'final' },
      },
    });
    const chart = await chartOf({ machine, docstring: 'An example.' });
    expect(arrowsOf(chart.wide)).toEqual([
      'any of  -> over: end',
      'any of group -> group.one: again',
      'group -> over: leave',
      'group.one -> group.two: xstate.after.50.example.group.one',
      'group.two -> group.one: *',
      'group.two -> over: over',
    ]);
    expect(startsOf(chart)).toEqual(['', 'group']);
    expect(chart.docstring).toBe('An example.');
  });
});

function arrowsOf({ edges }: ChartLayout): string[] {
  return edges
    .filter(({ label }) => label !== undefined)
    .map(
      ({ from, isFromAny, to, events }) =>
        `${isFromAny ? 'any of ' : ''}${from} -> ${to}: ${events.join(' ')}`,
    )
    .toSorted();
}

function startsOf({ wide }: Chart): string[] {
  return wide.states.filter(({ kind }) => kind === 'start').map(({ path }) => path);
}
