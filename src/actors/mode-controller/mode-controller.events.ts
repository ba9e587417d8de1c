import type { Mode } from '../../core/ports.ts';

/** What the mode-controller may be told. */
export type ModeControllerEvent =
  | { readonly type: 'bootstrap.started' }
  /** `keys`: how many are there by now. */
  | { readonly type: 'bootstrap.progressed'; readonly keys: number }
  | { readonly type: 'bootstrap.finished' }
  /** No seed answers at the moment; the bootstrapper goes on trying. */
  | { readonly type: 'bootstrap.stalled' }
  | { readonly type: 'drain' };

/** What it tells. */
export interface ModeChanged {
  readonly type: 'mode.changed';
  readonly mode: Mode;
}
