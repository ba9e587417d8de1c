/** What a node answered at /metrics, taken apart. */
export class Exposition {
  /** By the name of the metric. */
  readonly types = new Map<string, string>();
  /** By the name with its labels, as it stands there. */
  readonly samples = new Map<string, number>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (name !== undefined && type !== undefined) this.types.set(name, type);
      if (line === '' || line.startsWith('#')) continue;
      const end = line.lastIndexOf(' ');
      this.samples.set(line.slice(0, end), Number(line.slice(end + 1)));
    }
  }

  /** Every name that a query may use. */
  names(): ReadonlySet<string> {
    const names = [...this.types].flatMap(([name, type]) =>
      type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name],
    );
    return new Set(names);
  }

  value(series: string): number | undefined {
    return this.samples.get(series);
  }

  /** The series that have this text in them. */
  seriesWith(text: string): string[] {
    return [...this.samples.keys()].filter((series) => series.includes(text));
  }
}

export async function scrape(url: string): Promise<Exposition> {
  const answer = await fetch(`${url}/metrics`);
  if (!answer.ok) throw new Error(`/metrics was answered with ${answer.status}`);
  return new Exposition(await answer.text());
}
