import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';

/** `new Registry()`: serves both formats, see exposition.ts. */
export type MetricsRegistry = Registry<PrometheusContentType | OpenMetricsContentType>;

export type Labels = Readonly<Record<string, string>>;
/** Where a value was seen, kept for the bucket that it fell into. */
type Exemplar = { readonly labelSet: Labels; readonly value: number; readonly timestamp: number };

type Description = {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
};

type Branch<Cell> = Map<string, Branch<Cell> | Cell>;

/**
 * One cell for each set of label values, found by a step for each label: that hashes nothing, since the texts carry
 * their hashes, where a joined key would be built and hashed on every report.
 */
const createSeries = <Cell extends object>(labelNames: readonly string[], create: (labels: Labels) => Cell) => {
  const root: Branch<Cell> = new Map();
  const cells: Cell[] = [];
  const last = labelNames.length - 1;

  const find = (labels: Labels): Cell => {
    let branch = root;
    for (let index = 0; index < last; index += 1) {
      const value = labels[labelNames[index]!] ?? '';
      let next = branch.get(value) as Branch<Cell> | undefined;
      if (next === undefined) {
        next = new Map();
        branch.set(value, next);
      }
      branch = next;
    }
    const value = labels[labelNames[last]!] ?? '';
    const known = branch.get(value) as Cell | undefined;
    if (known !== undefined) return known;
    const cell = create({ ...labels });
    branch.set(value, cell);
    cells.push(cell);
    return cell;
  };
  const clear = (): void => {
    root.clear();
    cells.length = 0;
  };
  // Without labels there is one series, and it is there from the start.
  if (labelNames.length === 0) find({});
  return { cells, find, clear };
};

/**
 * Registers what a prom-client Registry needs to know of a metric: its description, and its samples when scraped. Our
 * own metrics are plain numbers in between: several move on every request, where prom-client would check and copy
 * their labels each time.
 */
const register = (
  registry: MetricsRegistry,
  type: string,
  { name, help }: Description,
  values: () => unknown[],
): void => {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    // Of `this`: the OpenMetrics view lays another name over ours, see exposition.ts.
    get(this: { readonly name: string }) {
      return Promise.resolve({ name: this.name, help, type, aggregator: 'sum', values: values() });
    },
  };
  registry.registerMetric(metric as unknown as Parameters<MetricsRegistry['registerMetric']>[0]);
};

export type Scalar = {
  readonly add: (labels: Labels, amount: number) => void;
  readonly set: (labels: Labels, value: number) => void;
  readonly clear: () => void;
};

/** A counter or a gauge. */
export const createScalar = (
  registry: MetricsRegistry,
  type: 'counter' | 'gauge',
  description: Description,
): Scalar => {
  const { cells, find, clear } = createSeries(description.labelNames, (labels) => ({ labels, value: 0 }));
  register(registry, type, description, () => [...cells]);
  return {
    add: (labels, amount) => {
      find(labels).value += amount;
    },
    set: (labels, value) => {
      find(labels).value = value;
    },
    clear,
  };
};

type Distribution = {
  readonly labels: Labels;
  /** One for each bound, and one for everything above. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
  count: number;
};

export type HistogramInstrument = {
  /** @param exemplar the labels of the trace that this value belongs to, if it was kept */
  readonly observe: (labels: Labels, value: number, exemplar: Labels | undefined) => void;
};

const samplesOf = (name: string, bounds: readonly number[], distribution: Distribution): unknown[] => {
  const { labels, counts, exemplars, sum, count } = distribution;
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((le, index) => {
    below += counts[index]!;
    const exemplar = exemplars[index];
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels: labels, value: below, exemplar };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels: labels, value: sum },
    { metricName: `${name}_count`, labels: {}, sharedLabels: labels, value: count },
  ];
};

/** @param bounds upper bounds of the buckets, ascending */
export const createHistogram = (
  registry: MetricsRegistry,
  description: Description,
  bounds: readonly number[],
): HistogramInstrument => {
  const { name, labelNames } = description;
  const { cells, find } = createSeries<Distribution>(labelNames, (labels) => ({
    labels,
    counts: Array<number>(bounds.length + 1).fill(0),
    exemplars: [],
    sum: 0,
    count: 0,
  }));
  register(registry, 'histogram', description, () => cells.flatMap((each) => samplesOf(name, bounds, each)));

  return {
    observe: (labels, value, exemplar) => {
      const distribution = find(labels);
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
      distribution.counts[bucket]! += 1;
      distribution.sum += value;
      distribution.count += 1;
      if (exemplar) distribution.exemplars[bucket] = { labelSet: exemplar, value, timestamp: Date.now() / 1000 };
    },
  };
};
