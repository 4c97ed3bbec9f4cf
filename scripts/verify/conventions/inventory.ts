import type { Instrument } from './published.ts';

type Value = Readonly<Record<string, unknown>>;
type Attribute = { readonly key: string; readonly value: Value };
type Point = { readonly attributes?: readonly Attribute[] };
type Points = { readonly dataPoints: readonly Point[]; readonly isMonotonic?: boolean };
type Attributed = { readonly attributes?: readonly Attribute[] };

export type TracesRequest = {
  readonly resourceSpans: readonly {
    readonly resource: Attributed;
    readonly scopeSpans: readonly {
      readonly spans: readonly (Attributed & { readonly events?: readonly Attributed[] })[];
    }[];
  }[];
};
export type LogsRequest = {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly Attributed[] }[];
  }[];
};
export type MetricsRequest = {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly {
        readonly name: string;
        readonly unit?: string;
        readonly sum?: Points;
        readonly gauge?: Points;
        readonly histogram?: Points;
      }[];
    }[];
  }[];
};

/** Where an attribute is: the signal, and the name of the metric for metrics. */
export type Place = 'resource' | 'span' | 'span event' | 'log' | `metric ${string}`;

export type SeenAttribute = { readonly types: Set<string>; readonly values: Set<string> };
export type SeenMetric = { readonly unit: string; readonly instrument: Instrument; readonly always: Set<string> };

/** What a service exported: attributes by place and name, and metrics by name. */
export type Inventory = {
  readonly attributes: ReadonlyMap<Place, ReadonlyMap<string, SeenAttribute>>;
  readonly metrics: ReadonlyMap<string, SeenMetric>;
};

/** Values beyond this number are not kept. An attribute with a list of values has fewer. */
const maxValues = 50;

const typeNames: Readonly<Record<string, string>> = {
  stringValue: 'string',
  intValue: 'int',
  doubleValue: 'double',
  boolValue: 'boolean',
};

const typeOf = (value: Value): string => {
  const [kind = '', content] = Object.entries(value)[0] ?? [];
  if (kind !== 'arrayValue') return typeNames[kind] ?? kind;
  const [first] = (content as { readonly values?: readonly Value[] }).values ?? [];
  return first === undefined ? 'empty[]' : `${typeOf(first)}[]`;
};

const instrumentOf = ({ sum, histogram }: { readonly sum?: Points; readonly histogram?: Points }): Instrument => {
  if (histogram !== undefined) return 'histogram';
  if (sum === undefined) return 'gauge';
  return sum.isMonotonic === true ? 'counter' : 'up_down_counter';
};

export const createInventory = (): Inventory & {
  readonly addTraces: (request: TracesRequest) => void;
  readonly addLogs: (request: LogsRequest) => void;
  readonly addMetrics: (request: MetricsRequest) => void;
} => {
  const attributes = new Map<Place, Map<string, SeenAttribute>>();
  const metrics = new Map<string, SeenMetric>();

  const note = (place: Place, { attributes: found = [] }: Attributed): void => {
    const known = attributes.get(place) ?? new Map<string, SeenAttribute>();
    attributes.set(place, known);
    for (const { key, value } of found) {
      const seen = known.get(key) ?? { types: new Set(), values: new Set() };
      known.set(key, seen);
      seen.types.add(typeOf(value));
      if (seen.values.size < maxValues) seen.values.add(String(Object.values(value)[0]));
    }
  };

  return {
    attributes,
    metrics,
    addTraces: ({ resourceSpans }) => {
      for (const { resource, scopeSpans } of resourceSpans) {
        note('resource', resource);
        for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
          note('span', span);
          for (const event of span.events ?? []) note('span event', event);
        }
      }
    },
    addLogs: ({ resourceLogs }) => {
      for (const { scopeLogs } of resourceLogs) {
        for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords)) note('log', record);
      }
    },
    addMetrics: ({ resourceMetrics }) => {
      for (const metric of resourceMetrics.flatMap((each) => each.scopeMetrics).flatMap((each) => each.metrics)) {
        const points = (metric.sum ?? metric.gauge ?? metric.histogram)?.dataPoints ?? [];
        for (const point of points) {
          note(`metric ${metric.name}`, point);
          const names = new Set((point.attributes ?? []).map(({ key }) => key));
          const before = metrics.get(metric.name)?.always ?? names;
          const always = new Set([...before].filter((name) => names.has(name)));
          metrics.set(metric.name, { unit: metric.unit ?? '', instrument: instrumentOf(metric), always });
        }
      }
    },
  };
};
