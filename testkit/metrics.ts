import {
  metricCatalogue,
  type MetricDeclaration,
  type MetricName,
  type Metrics,
} from '#src/kernel/catalogue/metrics.ts';

export type RecordedMetrics = Metrics & {
  /** Sum of a counter or gauge, or number of observations of a histogram, over the series whose labels contain `labels`. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number;
  /** The labels of each series of a metric. */
  readonly series: (name: string) => readonly Readonly<Record<string, string>>[];
};

/** A fake of the Metrics port that remembers. */
export const recordMetrics = (): RecordedMetrics => {
  const series = new Map<string, { name: string; labels: Readonly<Record<string, string>>; value: number }>();
  const change = (name: string, labels: object, next: (before: number) => number): void => {
    const key = JSON.stringify([name, labels]);
    const entry = series.get(key) ?? { name, labels: labels as Readonly<Record<string, string>>, value: 0 };
    series.set(key, { ...entry, value: next(entry.value) });
  };
  return {
    count: (name, labels, amount = 1) => change(name, labels, (before) => before + amount),
    set: (name, labels, value) => change(name, labels, () => value),
    add: (name, labels, amount) => change(name, labels, (before) => before + amount),
    replace: (name, replacements) => {
      for (const [key, entry] of series) if (entry.name === name) series.delete(key);
      for (const { labels, value } of replacements) change(name, labels, () => value);
    },
    forget: async (existing) => {
      for (const [label, read] of Object.entries(existing)) {
        const names = new Set(await read());
        for (const [key, { name, labels }] of series) {
          const { ends }: MetricDeclaration = metricCatalogue[name as MetricName];
          if (ends === 'forgotten' && label in labels && !names.has(labels[label]!)) series.delete(key);
        }
      }
    },
    observe: (name, labels) => change(name, labels, (before) => before + 1),
    value: (name, labels = {}) =>
      [...series.values()]
        .filter(
          (entry) => entry.name === name && Object.entries(labels).every(([key, value]) => entry.labels[key] === value),
        )
        .reduce((sum, entry) => sum + entry.value, 0),
    series: (name) => [...series.values()].filter((entry) => entry.name === name).map(({ labels }) => labels),
  };
};
