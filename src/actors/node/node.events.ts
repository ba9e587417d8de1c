import type { Fact } from '../../core/facts.ts';
import type { BootstrapFact } from '../bootstrapper/bootstrapper.events.ts';
import type { Mode } from '../../core/ports.ts';

/** What the node may be told, beside what its actors tell each other through it. */
export type NodeEvent =
  | { readonly type: 'stop' }
  | { readonly type: 'mode.changed'; readonly mode: Mode }
  | Fact
  | BootstrapFact
  /** A commit failed: writes may be refused from now on, reads go on. */
  | { readonly type: 'store.failed'; readonly message: string }
  /** Another process runs a copy of the data folder, and was there first. */
  | { readonly type: 'store.taken'; readonly error: Error }
  /** A commit succeeded again. */
  | { readonly type: 'store.recovered' }
  /** The digest tree equals the data; until then no exchange calls two nodes equal. */
  | { readonly type: 'digests.summed' }
  /** A failed actor's backoff is over. */
  | { readonly type: 'restart.due'; readonly id: string }
  /** A restarted actor has held out for the quiet time. */
  | { readonly type: 'restart.settled'; readonly id: string }
  /** XState's own word that an actor failed, or came to its end. */
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown }
  | { readonly type: `xstate.done.actor.${string}`; readonly output: unknown };
