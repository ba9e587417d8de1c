import { signal } from '@preact/signals';

/** Raised every second: whatever tells a time that has passed reads it. */
export const seconds = signal(0);

setInterval(() => {
  if (!document.hidden) seconds.value++;
}, 1_000);
