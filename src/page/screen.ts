import { signal } from '@preact/signals';

/** The width at which the style sheets turn to the narrow form. */
const narrow = matchMedia('(max-width: 900px)');

export const isNarrow = signal(narrow.matches);

narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});
