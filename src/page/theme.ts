import { effect, signal } from '@preact/signals';

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const storageKey = 'kvs-theme';

/** What the reader chose; `auto` is what the system says. */
export const theme = signal<Theme>(stored());
/** Raised when the colours may have changed. */
export const colors = signal(0);

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
  try {
    localStorage.setItem(storageKey, theme.value);
  } catch {
    // Where nothing may be stored the choice lasts as long as the page.
  }
  colors.value = colors.peek() + 1;
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => colors.value++);

/** The next of the three. */
export function switchTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto';
}

/** What a custom property stands for at the moment, for what is drawn without style sheets. */
export function color(property: string): string {
  probe ??= document.body.appendChild(document.createElement('i'));
  probe.hidden = true;
  probe.style.color = `var(${property})`;
  return getComputedStyle(probe).color;
}

let probe: HTMLElement | undefined;

export function isCalm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

function stored(): Theme {
  try {
    return themes.find((known) => known === localStorage.getItem(storageKey)) ?? 'auto';
  } catch {
    return 'auto';
  }
}
