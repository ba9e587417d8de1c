import { collectDefaultMetrics, Counter, Gauge, Registry, type Metric } from 'prom-client';
import type { Histogram } from './histogram.ts';

export type Labels = Readonly<Record<string, string>>;

/** One series of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

interface Description {
  /** By the conventions of Prometheus: base units, the unit last, `_total` for a counter. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/**
 * Metrics of prom-client that are left out: gauges that are called `_total`, which only counters are, and delays of the
 * event loop, which each reader takes from the next one.
 */
const leftOut = /^nodejs_(?:active_(?:handles|requests|resources)_total|eventloop_lag_.*)$/;
/** With what precision prom-client measures the delays that are left out, ms: it can't be kept from it. */
const idlePrecisionMs = 3_600_000;

/**
 * Metrics that are read when they are asked for, and at no other time: nothing is kept here, so a series whose subject
 * is gone is gone with it.
 */
export class Metrics {
  readonly #registry = new Registry();

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in the text format of Prometheus, version 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(description: Description, read: () => number | Iterable<Sample>): void {
    const metric = new Counter({
      ...configurationOf(description),
      collect() {
        this.reset();
        for (const { labels, value } of samplesOf(read())) this.inc(labels ?? {}, value);
      },
    });
    this.#registry.registerMetric(metric);
  }

  gauge(
    description: Description,
    read: () => number | Iterable<Sample> | Promise<number | Iterable<Sample>>,
  ): void {
    const metric = new Gauge({
      ...configurationOf(description),
      async collect() {
        const samples = samplesOf(await read());
        this.reset();
        for (const { labels, value } of samples) this.set(labels ?? {}, value);
      },
    });
    this.#registry.registerMetric(metric);
  }

  /** prom-client's own histograms can't take over counts that were made elsewhere. */
  histogram(
    { name, help }: Description,
    read: () => Iterable<{ readonly labels?: Labels; readonly histogram: Histogram }>,
  ): void {
    const metric = {
      name,
      help,
      type: 'histogram',
      get: async () => ({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: [...read()].flatMap(({ labels, histogram }) => seriesOf(name, labels ?? {}, histogram)),
      }),
    };
    this.#registry.registerMetric(metric as unknown as Metric);
  }

  /** What prom-client knows of every process: memory, CPU, files, garbage collection. */
  process(): void {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: idlePrecisionMs });
    for (const { name } of this.#registry.getMetricsAsArray()) {
      if (leftOut.test(name)) this.#registry.removeSingleMetric(name);
    }
  }
}

function configurationOf({ name, help, labels = [] }: Description) {
  return { name, help, labelNames: labels, registers: [] };
}

function samplesOf(read: number | Iterable<Sample>): Iterable<Sample> {
  return typeof read === 'number' ? [{ value: read }] : read;
}

function seriesOf(name: string, labels: Labels, histogram: Histogram): object[] {
  const counts = histogram.cumulated();
  const buckets = counts.map((value, index) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: String(histogram.bounds[index] ?? '+Inf') },
    value,
  }));
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: counts.at(-1) ?? 0 },
  ];
}
