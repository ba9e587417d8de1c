import { describe, expect, it } from 'vitest';
import { and, createMachine, fromPromise, not, setup, type AnyStateMachine } from 'xstate';
import { statechart } from '../../tools/statechart.ts';

const { createMachine: create } = setup({
  actors: { effect: fromPromise(async () => undefined) },
  actions: { act: () => undefined },
  guards: { isThis: () => true, isThat: () => true },
  delays: { deadline: 1 },
});

function linesOf(machine: AnyStateMachine): string[] {
  return statechart(machine)
    .diagram.split('\n')
    .map((line) => line.trim());
}

describe('A statechart', () => {
  it('draws states, events, delays, guards, effects and ends', () => {
    const machine = create({
      initial: 'waiting',
      states: {
        waiting: { on: { start: [{ guard: 'isThis', target: 'working' }, { target: 'done' }] } },
        working: {
          invoke: { src: 'effect', onDone: 'done', onError: 'waiting' },
          after: { deadline: 'waiting', 20: 'done' },
        },
        done: { always: { guard: and(['isThis', not('isThat')]), target: 'over' } },
        over: { type: 'final' },
      },
    });
    expect(statechart(machine).diagram).toBe(
      `stateDiagram-v2
  [*] --> waiting
  waiting
  state "working" as working
  working : invokes effect
  done
  over
  over --> [*]
  waiting --> working : start [isThis]
  waiting --> done : start [else]
  working --> done : effect done<br>after 20 ms
  working --> waiting : effect failed<br>after deadline
  done --> over : [isThis and not isThat]`,
    );
  });

  it('nests states, with arrows among them inside and all others outside', () => {
    const machine = create({
      initial: 'group',
      states: {
        group: {
          initial: 'one',
          invoke: { src: 'effect' },
          onDone: 'other',
          states: { one: { on: { next: 'two', leave: '#other' } }, two: { type: 'final' } },
        },
        other: { id: 'other', on: { back: 'group.one' } },
      },
    });
    expect(statechart(machine).diagram).toBe(
      `stateDiagram-v2
  [*] --> group
  state "group, invokes effect" as group {
    [*] --> group_one
    state "one" as group_one
    state "two" as group_two
    group_two --> [*]
    group_one --> group_two : next
  }
  other
  group --> other : all done
  group_one --> other : leave
  other --> group_one : back`,
    );
  });

  it('puts parallel states beside each other, also at the top', () => {
    const region = { initial: 'x', states: { x: { on: { go: 'y' } }, y: {} } };
    const machine = createMachine({ id: 'both', type: 'parallel', states: { left: region, right: region } });
    const lines = linesOf(machine);
    expect(lines.slice(0, 3)).toEqual([
      'stateDiagram-v2',
      'state "both" as both {',
      'state "left" as left {',
    ]);
    expect(lines.filter((line) => line === '--')).toHaveLength(1);
    expect(lines).toContain('left_x --> left_y : go');
  });

  it('draws what holds in all states of a group from each of them that can take it', () => {
    const machine = create({
      initial: 'first',
      on: { reset: '.second' },
      states: {
        first: { always: 'second' },
        second: {},
        third: { initial: 'inner', states: { inner: {} } },
        own: { on: { reset: 'third' } },
        end: { type: 'final' },
      },
    });
    expect(linesOf(machine).filter((line) => line.includes('reset'))).toEqual([
      'second --> second : reset',
      'third --> second : reset',
      'own --> third : reset',
    ]);
  });

  it('lists apart what changes no state', () => {
    const machine = create({
      initial: 'a',
      on: { noted: { actions: 'act' } },
      states: { a: { initial: 'b', states: { b: { on: { '*': { guard: 'isThis' } } } } } },
    });
    expect(statechart(machine).inner).toEqual([
      { state: '', event: 'noted', actions: ['act'] },
      { state: 'a.b', event: 'any other event [isThis]', actions: [] },
    ]);
  });

  it('gives mermaid no name to stumble over', () => {
    const machine = createMachine({
      initial: 'end',
      states: { end: { on: { 'a:b; "c" #1 *': 'to-day' } }, 'to-day': {}, note: {} },
    });
    const lines = linesOf(machine);
    expect(lines).toContain('state "end" as end_');
    expect(lines).toContain('state "note" as note_');
    expect(lines).toContain('end_ --> to_45_day : a#58;b#59; #34;c#34; #35;1 #42;');
  });
});
