/**
 * The metric catalogue as data. The values of a label are a closed list, or come from elsewhere. `service`: another declaration or the
 * configuration closes their set (route templates, tables, pools). `caller`: callers make the names that they come from, for
 * example of universes, so the metric must say how its series end.
 */
type ClosedValues = readonly string[] | 'service';

/**
 * How the series end whose names callers make. `replaced`: each collection makes those of the current names the only series.
 * `forgotten`: each collection removes those whose name does not exist any more.
 */
type SeriesEnd = 'replaced' | 'forgotten';

type Described = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly buckets?: readonly number[];
};
export type MetricDeclaration = Described &
  (
    | { readonly labels: Readonly<Record<string, ClosedValues>>; readonly ends?: never }
    | { readonly labels: Readonly<Record<string, ClosedValues | 'caller'>>; readonly ends: SeriesEnd }
  );

/** Seconds. */
export const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
export const longDurationBuckets = [...durationBuckets, 30, 60];
