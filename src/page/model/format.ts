const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** A span of time in its largest unit, such as `4 s` or `2 h 5 min`. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 10) return `${Math.round(span * 10) / 10} ms`;
  if (span < secondMs) return `${Math.round(span)} ms`;
  if (span < 10 * secondMs) return `${(span / secondMs).toFixed(1)} s`;
  if (span < minuteMs) return `${Math.floor(span / secondMs)} s`;
  if (span < hourMs) return twoUnits(span, minuteMs, 'min', secondMs, 's');
  if (span < dayMs) return twoUnits(span, hourMs, 'h', minuteMs, 'min');
  return twoUnits(span, dayMs, 'd', hourMs, 'h');
}

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / large);
  const rest = Math.floor((ms % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

/** How long ago something was, in whole seconds at least: it is read while it changes. */
export function ago(ms: number): string {
  if (ms < secondMs) return 'now';
  return `${duration(Math.floor(ms / secondMs) * secondMs).replace('.0', '')} ago`;
}

/** A number with groups of three digits. */
export function count(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 0 });
}

/** A rate or a mean: small ones with a decimal. */
export function amount(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  let rest = value / 1_024;
  let unit = 0;
  while (rest >= 1_024 && unit < units.length - 1) {
    rest /= 1_024;
    unit++;
  }
  return `${rest < 10 ? rest.toFixed(1) : Math.round(rest)} ${units[unit] ?? ''}`;
}

/** The time of day, with ms: what happens is told apart by them. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const three = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${three}`;
}

/** Date and time in full, by the reader's clock. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(ms)}`;
}

/** The beginning of a uuid, enough to tell a few apart. */
export function shortUuid(uuid: string): string {
  return uuid.slice(0, 8);
}

/** What XState calls an event, in words that stand in the charts. */
export function eventText(event: string): string {
  const [, kind, effect] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event) ?? [];
  if (effect !== undefined) return `${effect} ${kind === 'done' ? 'done' : 'failed'}`;
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(event) ?? [];
  if (delay !== undefined) return /^\d+$/.test(delay) ? `after ${delay} ms` : `after ${delay}`;
  if (event === 'xstate.init') return 'start';
  if (event === 'xstate.stop') return 'stop';
  return event.startsWith('xstate.done.state.') ? 'all done' : event;
}
