/** The items in a random order (Fisher-Yates), in a new array. `chance` gives numbers in [0, 1). */
export function shuffled<T>(items: readonly T[], chance: () => number): T[] {
  const rest = [...items];
  for (let last = rest.length - 1; last > 0; last--) {
    const other = Math.floor(chance() * (last + 1));
    const [a, b] = [rest[last], rest[other]];
    if (a === undefined || b === undefined) break;
    rest[last] = b;
    rest[other] = a;
  }
  return rest;
}
