/**
 * The metric catalogue as data. Label values come from closed sets; `open` marks a label whose set is closed by
 * another declaration (route templates, universes, table names), never by what a caller sends.
 */
type Labels = Readonly<Record<string, readonly string[] | 'open'>>;
export type MetricDeclaration = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Labels;
  readonly buckets?: readonly number[];
};

/** Seconds. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const longDurationBuckets = [...durationBuckets, 30, 60];
