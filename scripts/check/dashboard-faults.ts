import { globSync, readFileSync } from 'node:fs';
import { gridWidth } from '../generate/dashboards/layout.ts';

type GridPos = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
type Target = { readonly expr: string; readonly legendFormat?: string };
export type CheckedPanel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly interval?: string;
  readonly gridPos: GridPos;
  readonly targets?: readonly Target[];
  readonly options?: {
    readonly legend?: { readonly placement?: string; readonly sortBy?: string; readonly sortDesc?: boolean };
  };
  readonly transformations?: readonly {
    readonly id: string;
    readonly options?: { readonly renameByName?: Readonly<Record<string, string>> };
  }[];
  readonly fieldConfig?: {
    readonly overrides?: readonly object[];
    readonly defaults: {
      readonly unit?: string;
      readonly decimals?: number;
      readonly color?: { readonly mode?: string };
      readonly mappings?: readonly object[];
      readonly custom?: { readonly axisSoftMax?: number; readonly spanNulls?: number | boolean };
      readonly links?: readonly { readonly url: string }[];
    };
  };
};
export type CheckedDashboard = {
  readonly title: string;
  readonly panels: readonly CheckedPanel[];
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly expr: string; readonly step: string }[];
  };
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
};

const overlaps = (a: GridPos, b: GridPos): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** How a panel that was once seen in Grafana was wrong. One rule for each kind of fault. */
const panelRules: readonly { readonly fault: string; readonly broken: (panel: CheckedPanel) => boolean }[] = [
  { fault: 'is outside the grid', broken: ({ gridPos: { x, w } }) => x + w > gridWidth },
  {
    fault: 'has a question or more than 55 characters as title',
    broken: ({ title }) => title.endsWith('?') || title.length > 55,
  },
  {
    fault: 'has `vector(0)` beside named series, which draws a series called "Value"',
    broken: ({ targets = [] }) => targets.some(({ expr }) => expr.includes('vector(0)')),
  },
  {
    fault: 'has a query without a legend',
    broken: ({ targets = [] }) => targets.some(({ legendFormat = '' }) => legendFormat === ''),
  },
  {
    fault: 'counts over windows that overlap: use increase(...[$__interval]) and a panel interval',
    broken: ({ targets = [], interval }) =>
      targets.some(({ expr }) => /increase\([^[]*\[\$__rate_interval/.test(expr)) ||
      (interval === undefined && targets.some(({ expr }) => expr.includes('[$__interval]'))),
  },
  {
    fault: 'must map states to a text and a colour: thresholds show ranges such as `1+`',
    broken: ({ type, fieldConfig }) =>
      type === 'state-timeline' &&
      (fieldConfig?.defaults.color?.mode !== 'fixed' || (fieldConfig.defaults.mappings ?? []).length === 0),
  },
  {
    fault: 'is red or green without data: map null to a colour that is no verdict',
    broken: ({ type, fieldConfig }) =>
      type === 'stat' && !JSON.stringify(fieldConfig?.defaults.mappings ?? []).includes('"match":"null+nan"'),
  },
  {
    fault: 'is too narrow for its legend: at least half of the grid',
    broken: ({ type, gridPos: { w } }) => type === 'timeseries' && w < gridWidth / 2,
  },
  {
    fault: 'has a legend that is not on the right, sorted by the max',
    broken: ({ type, options }) =>
      type === 'timeseries' &&
      !(options?.legend?.placement === 'right' && options.legend.sortBy === 'Max' && options.legend.sortDesc === true),
  },
  {
    fault: 'draws an axis to 100 for data that are all zero: set axisSoftMax',
    broken: ({ type, fieldConfig }) => type === 'timeseries' && !((fieldConfig?.defaults.custom?.axisSoftMax ?? 0) > 0),
  },
  {
    fault: 'shows raw columns: organize them',
    broken: ({ type, transformations = [] }) =>
      type === 'table' && !transformations.some(({ id }) => id === 'organize'),
  },
  {
    fault: 'has a column called "Value": set valueName or columns',
    broken: ({ type, targets = [], transformations = [] }) =>
      type === 'table' &&
      targets.length === 1 &&
      !transformations.some(({ options }) => !['Value', undefined].includes(options?.renameByName?.['Value'])),
  },
  {
    fault: 'shows counted events with decimals, because an increase is an estimate: set decimals',
    broken: ({ type, targets = [], fieldConfig }) =>
      (type !== 'table' || targets.length === 1) &&
      fieldConfig?.defaults.unit !== 'percentunit' &&
      targets.some(({ expr }) => expr.includes('increase(')) &&
      fieldConfig?.defaults.decimals !== 0,
  },
  {
    fault: 'picks other series at each step, so that its legend grows: use highest() for topk',
    broken: ({ type, targets = [] }) =>
      type === 'timeseries' && targets.some(({ expr }) => /topk\(/.test(expr) && !expr.includes('@ end()')),
  },
  {
    fault: 'draws rare events as dots: connect them with spanNulls',
    broken: ({ type, targets = [], fieldConfig }) =>
      type === 'timeseries' &&
      targets.some(({ expr }) => expr.includes('histogram_quantile') && expr.includes('_seconds_bucket')) &&
      !(Number(fieldConfig?.defaults.custom?.spanNulls ?? 0) > 0),
  },
  {
    fault: 'gives outcomes colours by position, for example red to success: see outcome-colors.ts',
    broken: ({ type, targets = [], fieldConfig }) =>
      type === 'timeseries' &&
      targets.every(({ legendFormat }) => legendFormat === '{{outcome}}') &&
      (fieldConfig?.overrides ?? []).length === 0,
  },
  {
    fault: 'has a link whose line_format removes the link to the trace, or a query type that Jaeger does not know',
    broken: ({ fieldConfig }) => (fieldConfig?.defaults.links ?? []).some(({ url }) => /line_format|traceql/.test(url)),
  },
];

/** Faults of one dashboard. Each names the panel and what to change. */
export const faultsOfDashboard = ({ title, panels, annotations, templating }: CheckedDashboard): string[] => {
  const shown = panels.filter(({ type }) => type !== 'row');
  const queries = JSON.stringify(shown.flatMap(({ targets = [] }) => targets));
  return [
    ...shown.flatMap((panel) =>
      panelRules
        .filter(({ broken }) => broken(panel))
        .map(({ fault }) => `${title}: panel ${panel.id} (${panel.title}) ${fault}.`),
    ),
    ...panels.flatMap((panel, index) =>
      panels
        .slice(index + 1)
        .filter((other) => overlaps(panel.gridPos, other.gridPos))
        .map((other) => `${title}: panel ${panel.id} overlaps panel ${other.id}.`),
    ),
    ...templating.list
      .filter(({ name, type }) => type === 'query' && !queries.includes(`$${name}`))
      .map(({ name }) => `${title}: no query uses the variable ${name}.`),
    ...annotations.list
      .filter(
        ({ expr, step }) =>
          step !== '1m' ||
          !/ unless .* offset 1m/.test(expr) ||
          (expr.includes('ALERTS') && !expr.includes('severity="page"')),
      )
      .map(
        ({ name }) =>
          `${title}: the annotation ${name} covers the plots: only first minutes, and of alerts only pages.`,
      ),
  ];
};

/** `npm run check` checks the generated dashboards. */
export const dashboardFaults = (): string[] => [
  ...globSync('dashboards/*.json').flatMap((path) =>
    faultsOfDashboard(JSON.parse(readFileSync(path, 'utf8')) as CheckedDashboard),
  ),
  ...globSync('deploy/grafana/provisioning/datasources/*.yaml')
    .filter((path) =>
      /exemplarTraceIdDestinations:\s*(?:#.*\s*)*- [^\n]*datasourceUid/.test(readFileSync(path, 'utf8')),
    )
    .map(
      (path) =>
        `${path}: an exemplar must open a URL, because Grafana 12 asks Jaeger with a query type that it does not know.`,
    ),
];
