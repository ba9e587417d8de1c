/**
 * Whether a client would rather have a value in gzip than as it is, by its `Accept-Encoding` (RFC 9110, section 12.5.3):
 * it names gzip, or `*`, and identity not with a greater weight. Without the header it is taken for one that knows of
 * no encoding. A client that refuses both gets the value as it is: section 12.5.3 allows to disregard the header then.
 */
export function prefersGzip(accepted: string | undefined): boolean {
  if (accepted === undefined) return false;
  const weights = new Map<string, number>();
  for (const item of accepted.split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    weights.set(coding === 'x-gzip' ? 'gzip' : coding, weightOf(parameters));
  }
  const gzip = weights.get('gzip') ?? weights.get('*') ?? 0;
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}

const weightPattern = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** In [0, 1]; 0 for what is no weight. */
function weightOf(parameters: readonly string[]): number {
  const [parameter] = parameters;
  return parameter === undefined ? 1 : Number(weightPattern.exec(parameter)?.[1] ?? 0);
}
