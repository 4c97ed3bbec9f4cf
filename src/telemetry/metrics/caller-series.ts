import type { ExistingNames, ForgottenLabel, MetricDeclaration } from '../../kernel/catalogue/metrics.ts';

type Labels = Readonly<Record<string, string>>;
type Removable = { readonly remove: (labels: Labels) => void };
type SeriesOfName = Map<string, { readonly metric: Removable; readonly labels: Labels }>;

/** Twice the max of UNIVERSES_MAX. It bounds the memory of a process that nobody scrapes. */
const maxNames = 20_000;

const isForgotten = (label: string | undefined): label is ForgottenLabel => label !== undefined;
/** The label whose values callers make, of a metric whose series must be forgotten. */
const forgottenLabelOf = ({ labels, ends }: MetricDeclaration): ForgottenLabel | undefined => {
  const label = Object.keys(labels).find((each) => ends === 'forgotten' && labels[each] === 'caller');
  return isForgotten(label) ? label : undefined;
};

export type CallerSeries = {
  /** @returns what must be called with the labels of each report to the metric; undefined if its series never end */
  readonly noteOf: (
    name: string,
    declaration: MetricDeclaration,
    metric: Removable,
  ) => ((labels: Labels) => void) | undefined;
  /** Removes the series of names that do not exist any more. */
  readonly forget: (existing: ExistingNames) => Promise<void>;
};

/** Remembers which series have names that callers make, because prom-client keeps a series until it is removed. */
export const createCallerSeries = (): CallerSeries => {
  /** For each label the names, least recently reported first. */
  const known = new Map<ForgottenLabel, Map<string, SeriesOfName>>();

  const remove = (names: Map<string, SeriesOfName>, value: string): void => {
    for (const { metric, labels } of names.get(value)?.values() ?? []) metric.remove(labels);
    names.delete(value);
  };

  return {
    noteOf: (name, declaration, metric) => {
      const label = forgottenLabelOf(declaration);
      if (label === undefined) return undefined;
      const order = Object.keys(declaration.labels);
      const names = known.get(label) ?? new Map<string, SeriesOfName>();
      known.set(label, names);
      return (labels) => {
        const value = labels[label] ?? '';
        const series: SeriesOfName = names.get(value) ?? new Map();
        series.set(`${name} ${order.map((each) => labels[each]).join(' ')}`, { metric, labels: { ...labels } });
        names.delete(value);
        names.set(value, series);
        if (names.size > maxNames) remove(names, names.keys().next().value!);
      };
    },

    forget: async (existing) => {
      for (const [label, names] of known) {
        // Taken before the read, because a name that is made during it would look like one that is gone.
        const reported = [...names.keys()];
        const exist = new Set(await existing[label]());
        for (const value of reported) if (!exist.has(value)) remove(names, value);
      }
    },
  };
};
