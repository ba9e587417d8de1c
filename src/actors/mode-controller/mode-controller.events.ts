import type { Mode } from '../../core/ports.ts';
import type { BootstrapFact } from '../bootstrapper/bootstrapper.events.ts';

/** What the mode-controller may be told. */
export type ModeControllerEvent = BootstrapFact | { readonly type: 'drain' };

/** What it tells. */
export interface ModeChanged {
  readonly type: 'mode.changed';
  readonly mode: Mode;
}
