import { seconds } from '../clock.ts';
import { live } from '../live.ts';
import { ago, duration } from '../model/format.ts';

/** How long something has lasted, in whole seconds. */
export function For({ since }: { readonly since: number }) {
  void seconds.value;
  const ms = Math.max(0, live.now() - since);
  return <>{ms < 1_000 ? 'under 1 s' : duration(Math.floor(ms / 1_000) * 1_000).replace('.0', '')}</>;
}

/** How long ago something was. */
export function Ago({ at }: { readonly at: number }) {
  void seconds.value;
  return <>{ago(live.now() - at)}</>;
}
