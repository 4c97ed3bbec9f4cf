import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../../check/chart/programs.ts';

const pins = 'tools/semantic-conventions';

export type PublishedAttribute = {
  /** `string`, `int`, `double`, `boolean`, or one of them with `[]`. */
  readonly type: string;
  /** The values that the conventions list. Undefined if any value is right. */
  readonly values: ReadonlySet<string> | undefined;
};

export type Instrument = 'counter' | 'up_down_counter' | 'gauge' | 'histogram';

export type PublishedMetric = {
  readonly unit: string;
  readonly instrument: Instrument;
  /** Attributes that each measurement must have. */
  readonly required: readonly string[];
};

export type Conventions = {
  readonly version: string;
  readonly attributes: ReadonlyMap<string, PublishedAttribute>;
  readonly metrics: ReadonlyMap<string, PublishedMetric>;
};

/** `error.type` lists only this value, which means that an application has values of its own. */
const onlyFallback = '_OTHER';

const enumOf = (key: string, source: string): PublishedAttribute => {
  const found = [...source.matchAll(new RegExp(`= ${key}\\.(String|Int)\\((?:"([^"]*)"|(\\d+))\\)`, 'g'))];
  const values = new Set(found.map(([, , text, number]) => text ?? number ?? ''));
  const isOpen = values.size === 1 && values.has(onlyFallback);
  return { type: found.some(([, kind]) => kind === 'Int') ? 'int' : 'string', values: isOpen ? undefined : values };
};

/** Reads the attributes from the constants of Go, whose comments have the types. */
export const attributesOf = (source: string): Map<string, PublishedAttribute> => {
  const attributes = new Map<string, PublishedAttribute>();
  for (const [, comment = '', key = '', name = ''] of source.matchAll(
    /((?:\t\/\/[^\n]*\n)+)\t(\w+) = attribute\.Key\("([^"]+)"\)/g,
  )) {
    const type = /\/\/ Type: (\S+)/.exec(comment)?.[1];
    if (type === undefined) throw new Error(`${name} has no type in the published conventions`);
    attributes.set(name, type === 'Enum' ? enumOf(key, source) : { type, values: undefined });
  }
  return attributes;
};

const instruments: readonly (readonly [ending: string, instrument: Instrument])[] = [
  ['UpDownCounter', 'up_down_counter'],
  ['Counter', 'counter'],
  ['Gauge', 'gauge'],
  ['Histogram', 'histogram'],
];

/**
 * Reads the metrics from the types of Go. Parameters of `Record` and `Add` are the required attributes. Many metrics have a
 * second type, for observable instruments, which has no such method.
 */
export const metricsOf = (source: string): Map<string, PublishedMetric> => {
  const metrics = new Map<string, PublishedMetric>();
  for (const [, type = '', of = ''] of source.matchAll(/^type (\w+) struct \{\n\tmetric\.\w+?64(\w+)\n\}/gm)) {
    const method = (pattern: string): string | undefined =>
      new RegExp(`^func \\((?:m )?${type}\\) ${pattern}\\([^]*?^\\}`, 'm').exec(source)?.[0];
    const text = (pattern: string): string | undefined => /return "(.*)"/.exec(method(pattern) ?? '')?.[1];
    const [name, unit] = [text('Name'), text('Unit')];
    const instrument = instruments.find(([ending]) => of.endsWith(ending))?.[1];
    if (name === undefined || unit === undefined || instrument === undefined) {
      throw new Error(`${type} has no name, unit or instrument in the published conventions`);
    }
    const required = [...(method('(?:Record|Add)') ?? '').matchAll(/attribute\.\w+\("([^"]+)"/g)].map(
      ([, key]) => key!,
    );
    if (required.length === 0 && metrics.has(name)) continue;
    metrics.set(name, { unit, instrument, required: [...new Set(required)] });
  }
  return metrics;
};

const byVersion = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/** The newest conventions in the pinned module of OpenTelemetry for Go, which are generated from their model. */
export const readConventions = (): Conventions => {
  const { Dir: module } = JSON.parse(
    outputOf('go', ['mod', 'download', '-json', 'go.opentelemetry.io/otel'], pins),
  ) as { Dir: string };
  const root = join(module, 'semconv');
  const version = readdirSync(root)
    .filter((name) => /^v\d+\.\d+\.\d+$/.test(name))
    .toSorted(byVersion)
    .at(-1)!;
  const folder = join(root, version);
  const areas = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return {
    version: version.slice(1),
    attributes: attributesOf(readFileSync(join(folder, 'attribute_group.go'), 'utf8')),
    metrics: new Map(
      areas.flatMap(({ name }) => [...metricsOf(readFileSync(join(folder, name, 'metric.go'), 'utf8'))]),
    ),
  };
};
