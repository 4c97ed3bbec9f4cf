import type { OpenMetricsContentType, PrometheusContentType, Registry } from 'prom-client';

/** A registry for both formats, see exposition.ts. */
export type MetricsRegistry = Registry<PrometheusContentType | OpenMetricsContentType>;

export type Labels = Readonly<Record<string, string>>;
/** The trace of a value. Each bucket keeps the last one. */
type Exemplar = { readonly labelSet: Labels; readonly value: number; readonly timestamp: number };

type Description = {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
};

type Branch<Cell> = Map<string, Branch<Cell> | Cell>;

/**
 * One cell for each set of label values, in nested maps with one level for each label. A string has its hash already,
 * so this computes no hash. A key of all values would be built and hashed at every report.
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
  // A metric without labels has one series from the start.
  if (labelNames.length === 0) find({});
  return { cells, find, clear };
};

/**
 * Registers a metric with its description and a function that returns its samples. The values are plain numbers and not
 * metrics of prom-client, because several change at every request and prom-client would check and copy the labels each
 * time.
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
    // `this.name`, because the object of the OpenMetrics view has another name, see exposition.ts.
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
  /** One for each upper bound, and one for larger values. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
  count: number;
};

export type HistogramInstrument = {
  /** @param exemplar the labels of the trace of this value, if the trace is sampled */
  readonly observe: (labels: Labels, value: number, exemplar: Labels | undefined) => void;
};

const samplesOf = (name: string, bounds: readonly number[], distribution: Distribution): unknown[] => {
  const { labels, counts, exemplars, sum, count } = distribution;
  let cumulative = 0;
  const buckets = [...bounds, '+Inf'].map((le, index) => {
    cumulative += counts[index]!;
    const exemplar = exemplars[index];
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels: labels, value: cumulative, exemplar };
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
