/**
 * Who hears what. The node passes on each fact of the left side to the actors on the right; an actor knows the others
 * by their events only.
 */
export const routing: Readonly<Record<string, readonly string[]>> = {
  'bootstrap.started': ['mode-controller'],
  'bootstrap.progressed': ['mode-controller'],
  'bootstrap.finished': ['mode-controller'],
  'bootstrap.stalled': ['mode-controller'],
};
