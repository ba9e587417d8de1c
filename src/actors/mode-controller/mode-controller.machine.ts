import { assign, sendParent, setup } from 'xstate';
import type { Mode } from '../../core/ports.ts';
import type { ModeChanged, ModeControllerEvent } from './mode-controller.events.ts';

/**
 * Decides what the node accepts from clients, and tells its parent whenever that changes.
 *
 * - `deciding`: takes the first mode from its input; left at once.
 * - `syncing`: a bootstrap is under way; the node refuses writes from clients and serves reads.
 * - `normal`: the node accepts everything.
 * - `readOnly`: the configuration forbids writes from clients; replication goes on.
 * - `drained`: the node stops, and the mode does not matter any more.
 *
 * It never looks at data or members, and never refuses anything itself: HTTP does, by what it is told.
 */
export const modeControllerMachine = setup({
  types: {
    input: {} as { readonly readOnly: boolean; readonly bootstrap: boolean },
    context: {} as {
      readonly readOnly: boolean;
      readonly bootstrap: boolean;
      /** Keys that the present bootstrap, or else the last one, has brought. */
      readonly bootstrappedKeys: number;
      readonly isStalled: boolean;
    },
    events: {} as ModeControllerEvent,
  },
  actions: {
    announce: sendParent((_, params: { mode: Mode }): ModeChanged => ({
      type: 'mode.changed',
      mode: params.mode,
    })),
    noteStart: assign({ bootstrappedKeys: 0, isStalled: false }),
    noteProgress: assign({
      isStalled: false,
      bootstrappedKeys: ({ context, event }) => ('keys' in event ? event.keys : context.bootstrappedKeys),
    }),
    noteStall: assign({ isStalled: true }),
  },
  guards: {
    mustBootstrap: ({ context }) => context.bootstrap,
    isReadOnly: ({ context }) => context.readOnly,
  },
}).createMachine({
  id: 'mode-controller',
  meta: { shows: ['readOnly', 'bootstrappedKeys', 'isStalled'] },
  context: ({ input }) => ({ ...input, bootstrappedKeys: 0, isStalled: false }),
  initial: 'deciding',
  on: {
    drain: { target: '.drained' },
    'bootstrap.started': { target: '.syncing', actions: 'noteStart' },
  },
  states: {
    deciding: {
      always: [
        { guard: 'mustBootstrap', target: 'syncing' },
        { guard: 'isReadOnly', target: 'readOnly' },
        { target: 'normal' },
      ],
    },
    syncing: {
      entry: { type: 'announce', params: { mode: 'syncing' } },
      on: {
        'bootstrap.progressed': { actions: 'noteProgress' },
        'bootstrap.stalled': { actions: 'noteStall' },
        'bootstrap.finished': [
          { guard: 'isReadOnly', target: 'readOnly', actions: 'noteProgress' },
          { target: 'normal', actions: 'noteProgress' },
        ],
      },
    },
    normal: { entry: { type: 'announce', params: { mode: 'normal' } } },
    readOnly: { entry: { type: 'announce', params: { mode: 'read-only' } } },
    drained: { type: 'final' },
  },
});
