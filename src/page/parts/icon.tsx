/** Line drawings of 24 by 24. */
const paths = {
  brand: 'M4 6h7v5H4zM13 13h7v5h-7zM11 8.500h4a2 2 0 0 1 2 2V13M13 15.500H9a2 2 0 0 1-2-2V11',
  overview: 'M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z',
  actors: 'M3 5h7v5H3zM14 14h7v5h-7zM10 7.500h5a2 2 0 0 1 2 2V14M14 16.500H9a2 2 0 0 1-2-2V10',
  timeline: 'M4 6h16M4 12h10M4 18h13',
  conflicts: 'M6 4v4a4 4 0 0 0 4 4h8M6 20v-4a4 4 0 0 1 4-4M15 9l3 3-3 3',
  keys: 'M5 4v13a2 2 0 0 0 2 2h4M5 9h6M13 7h6v4h-6zM13 17h6v4h-6z',
  charts: 'M4 19h16M5 15l4-5 4 3 6-8',
  auto: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  light:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500 19 19M5 19l1.500-1.500M17.500 6.500 19 5',
  dark: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z',
  docs: 'M8 7l-5 5 5 5M16 7l5 5-5 5',
  help: 'M9 9a3 3 0 1 1 4.500 2.600c-.900.500-1.500 1.100-1.500 2.400M12 17.500v.500',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  folder: 'M9 6l6 6-6 6',
} as const;

export type IconName = keyof typeof paths;

/** Says nothing to those who do not see it: what it stands for is written beside it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
