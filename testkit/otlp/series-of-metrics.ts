type Attribute = {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string };
};
type Point = {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
  readonly count?: number;
  readonly sum?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
};
type Metric = {
  readonly name: string;
  readonly unit: string;
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic?: boolean };
  readonly histogram?: { readonly dataPoints: readonly Point[] };
};
export type MetricsRequest = {
  readonly resourceMetrics: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[];
};

const suffixes: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

const key = (name: string, labels: readonly (readonly [string, string])[]): string => {
  const pairs = labels.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
};

const labelsOf = ({ attributes }: Point): [string, string][] =>
  attributes.map(({ key: name, value }) => [name.replaceAll('.', '_'), String(value.stringValue ?? value.intValue)]);

const bucketsOf = (name: string, point: Point): [string, number][] => {
  let total = 0;
  const bounds = [...(point.explicitBounds ?? []).map(String), '+Inf'];
  return bounds.map((bound, index) => {
    total += Number(point.bucketCounts?.[index]);
    return [key(`${name}_bucket`, [...labelsOf(point), ['le', bound]]), total];
  });
};

/** The series that a Prometheus makes of metrics in OTLP/JSON, by the mapping of OpenTelemetry. */
export const seriesOfMetrics = ({ resourceMetrics }: MetricsRequest): Map<string, number> => {
  const series = new Map<string, number>();
  for (const metric of resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics)) {
    const name = `${metric.name.replaceAll('.', '_')}${suffixes[metric.unit] ?? ''}`;
    for (const point of metric.gauge?.dataPoints ?? []) series.set(key(name, labelsOf(point)), point.asDouble!);
    for (const point of metric.sum?.dataPoints ?? []) {
      series.set(key(metric.sum?.isMonotonic ? `${name}_total` : name, labelsOf(point)), point.asDouble!);
    }
    for (const point of metric.histogram?.dataPoints ?? []) {
      for (const [bucket, count] of bucketsOf(name, point)) series.set(bucket, count);
      series.set(key(`${name}_sum`, labelsOf(point)), point.sum!);
      series.set(key(`${name}_count`, labelsOf(point)), Number(point.count));
    }
  }
  return series;
};

/** Labels that the Collector adds to each series. */
const ofCollector = /^(?:job|instance|otel_scope_.*)$/;

/** The series of a text in the format of Prometheus, without empty labels. Exemplars and values of NaN are left out. */
export const seriesOfText = (exposition: string): Map<string, number> => {
  const series = new Map<string, number>();
  for (const line of exposition.split('\n')) {
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? ([^\s#]+)(?:\s|$)/.exec(line) ?? [];
    if (name === undefined || line.startsWith('#') || value === 'NaN' || value === 'Nan') continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      .map(([, label, text]) => [label!, text!] as const)
      .filter(([label, text]) => text !== '' && !ofCollector.test(label));
    series.set(key(name, pairs), Number(value));
  }
  return series;
};

export type Difference = {
  readonly series: string;
  readonly wanted: number | undefined;
  readonly got: number | undefined;
};

const nameOf = (series: string): string => series.split('{', 1)[0]!;
/** State of the process, which changes with each reading. Only the names are compared. */
const ofProcess = /^(?:process|nodejs)_/;

/**
 * Compares metrics that were sent between two scrapes with the scrapes. A series that changed between them is compared by
 * its name and labels only.
 */
export const differencesOf = (
  before: ReadonlyMap<string, number>,
  sent: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Difference[] => {
  const differences: Difference[] = [];
  const names = new Set([...sent.keys()].map(nameOf));
  for (const [series, wanted] of before) {
    const got = sent.get(series);
    const differs = got === undefined ? after.has(series) : after.get(series) === wanted && got !== wanted;
    if (ofProcess.test(series) ? !names.has(nameOf(series)) : differs) differences.push({ series, wanted, got });
  }
  for (const [series, got] of sent) {
    const known = ofProcess.test(series) || before.has(series) || after.has(series);
    if (!known) differences.push({ series, wanted: undefined, got });
  }
  return differences;
};
