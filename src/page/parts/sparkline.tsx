/** The last values as a line; beside them stands the number, so it says nothing of its own. */
export function Sparkline({ values }: { readonly values: readonly (number | null)[] }) {
  const known = values.map((value) => value ?? 0);
  const top = Math.max(1, ...known);
  const width = 100;
  const height = 26;
  const step = width / Math.max(1, known.length - 1);
  const points = known.map((value, index) => {
    const y = height - 2 - (value / top) * (height - 4);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  if (points.length < 2)
    return <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" />;
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
      <polyline points={points.join(' ')} />
    </svg>
  );
}
