/**
 * The items in a random order, or the first `count` of them, in a new array (Fisher-Yates, as many steps as needed).
 * `chance` gives numbers in [0, 1).
 */
export function shuffled<T>(items: readonly T[], chance: () => number, count = items.length): T[] {
  const rest = [...items];
  const wanted = Math.min(count, rest.length);
  for (let at = 0; at < wanted; at++) {
    const other = at + Math.floor(chance() * (rest.length - at));
    const [a, b] = [rest[at], rest[other]];
    if (a === undefined || b === undefined) break;
    rest[at] = b;
    rest[other] = a;
  }
  return rest.slice(0, wanted);
}
