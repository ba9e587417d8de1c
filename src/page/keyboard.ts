import { live } from './live.ts';
import { isHelpOpen } from './parts/help.tsx';
import { go, route, views } from './router.ts';
import { switchTheme } from './theme.ts';

/** The keys that work everywhere; returns how to stop listening. Where text is typed they are text. */
export function listenForKeys(): () => void {
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const view = views[Number(event.key) - 1];
  if (view !== undefined) go(view);
  else if (event.key === 't') switchTheme();
  else if (event.key === '?') isHelpOpen.value = !isHelpOpen.value;
  else if (event.key === 'p') togglePause();
  else if (event.key === '/') focusFilter(event);
}

/** Pauses the timeline, or lets it go on. */
export function togglePause(): void {
  if (live.timeline.isPaused) live.timeline.resume();
  else live.timeline.pause();
  live.timelineChanged();
}

function focusFilter(event: Event): void {
  event.preventDefault();
  const filter = document.querySelector<HTMLInputElement>('input[type=search]');
  if (filter !== null) {
    filter.focus();
    return;
  }
  if (route.value.view !== 'timeline') go('timeline');
  requestAnimationFrame(() =>
    requestAnimationFrame(() => document.querySelector<HTMLInputElement>('input[type=search]')?.focus()),
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select');
}
