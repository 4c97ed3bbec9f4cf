/**
 * The only file that uses the dashboard library. It corrects two faults of its preview version: all rows have id 0, and
 * data links and annotations have members that belong to later Grafana versions or to other types of links.
 */
import { BarAlignment, GraphDrawStyle, StackingMode, VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as state from '@grafana/grafana-foundation-sdk/statetimeline';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { placed } from './layout.ts';
import { annotations, dashboardLinksBar, dataLinks } from './navigation.ts';
import { outcomeColors } from './outcome-colors.ts';
import type { DashboardSpec, PanelSpec, Unit } from './spec.ts';

const units: Readonly<Record<Unit, string>> = {
  seconds: 's',
  share: 'percentunit',
  'requests/s': 'reqps',
  'events/s': 'cps',
  count: 'short',
  bytes: 'bytes',
  'bytes/s': 'binBps',
  state: 'none',
  rate: 'none',
};
const datasource = { type: 'prometheus', uid: '${datasource}' };
const letters = 'ABCDEFGHIJ';

const targets = ({ queries, exemplars, kind }: PanelSpec): DataqueryBuilder[] =>
  queries.map(({ expr, legend }, index) => {
    const query = new DataqueryBuilder().refId(letters[index]!).expr(expr).legendFormat(legend);
    if (kind === 'stat') return query.instant();
    if (kind === 'heatmap') return query.range().format(PromQueryFormat.Heatmap);
    if (kind === 'table') return query.instant().format(PromQueryFormat.Table);
    return query.range().exemplar(exemplars === true);
  });

const thresholdsOf = ({ thresholds = [], lowIsBad }: PanelSpec): dashboard.ThresholdsConfigBuilder =>
  new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    // Null means minus infinity.
    .steps([{ color: lowIsBad ? 'red' : 'green', value: null }, ...thresholds]);

const legend = (): common.VizLegendOptionsBuilder =>
  new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Right)
    .showLegend(true)
    .calcs(['lastNotNull', 'max'])
    // The worst series is the first line.
    .sortBy('Max')
    .sortDesc(true);

/** An upper end of the axis for data that are all zero. Without it Grafana draws an axis up to 100 or 10000 %. */
const softMaxOf = ({ unit, thresholds = [] }: PanelSpec): number => {
  const lines = thresholds.map(({ value }) => value).filter((value) => value > 0);
  if (lines.length > 0) return 1.2 * Math.min(...lines);
  return { share: 0.1, seconds: 0.01, bytes: 1_048_576, 'bytes/s': 1_024 }[unit as string] ?? 1;
};

const upAndDown: NonNullable<PanelSpec['states']> = [
  { value: 0, text: 'Down', color: 'red' },
  { value: 1, text: 'Up', color: 'green' },
];

/**
 * A mapping of each value to its text and colour. Colours by thresholds would replace the text by a range such as `1+`.
 */
const statesPanel = ({ states = upAndDown }: PanelSpec): state.PanelBuilder =>
  new state.PanelBuilder()
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Fixed).fixedColor('text'))
    .mappings(
      states.map(({ value, text, color }, index) => ({
        type: dashboard.MappingType.ValueToText,
        options: { [String(value)]: { text, color, index } },
      })),
    );

/** Short names of columns. */
const columnNames: Readonly<Record<string, string>> = { http_request_method: 'method', http_route: 'route' };

/** Columns of a table that are no answer. */
const rawColumns = ['Time', '__name__', 'job', 'instance'];

/** Lines connect events that are up to this far apart, in milliseconds. Rare events would be dots that nobody sees. */
const connectedMs = 60_000;
/** The same for events that are minutes apart. */
const rareConnectedMs = 600_000;

/** Stacked bars have borders; areas and single bars need more colour. */
const fillOf = (spec: PanelSpec): number =>
  (spec.kind === 'bars') === (spec.stacked === true) ? (spec.stacked ? 20 : 0) : 60;

const timeseriesPanel = (spec: PanelSpec): timeseries.PanelBuilder => {
  const panel = new timeseries.PanelBuilder()
    .drawStyle(spec.kind === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .fillOpacity(fillOf(spec))
    .showPoints(VisibilityMode.Auto)
    .barAlignment(BarAlignment.Center)
    .axisSoftMin(0)
    .axisSoftMax(softMaxOf(spec))
    .legend(legend())
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        spec.thresholds ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off,
      ),
    );
  // A series that is zero would draw its line on the top of the stack, and hide the colour of the series below it.
  if (spec.stacked && spec.kind === 'timeseries') panel.lineWidth(0);
  if ((spec.unit === 'seconds' || spec.rare) && spec.kind === 'timeseries') {
    panel.spanNulls(spec.rare ? rareConnectedMs : connectedMs);
  }
  for (const { names, properties } of outcomeColors(spec)) panel.overrideByRegexp(names, properties);
  if (spec.logarithmic) {
    panel.scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Symlog).log(10).linearThreshold(1),
    );
  }
  return spec.stacked ? panel.stacking(new common.StackingConfigBuilder().mode(StackingMode.Normal)) : panel;
};

const labelsOf = ({ queries }: PanelSpec): string[] => [
  ...new Set(queries.flatMap(({ legend: names }) => [...names.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!))),
];

/** The labels of the legend come first, then the values under their names. Several queries are merged by their labels. */
const tablePanel = (spec: PanelSpec): table.PanelBuilder => {
  const { valueName, columns = [] } = spec;
  const labels = labelsOf(spec);
  const names: Record<string, string> =
    columns.length === 0
      ? { Value: valueName ?? 'Value' }
      : Object.fromEntries(columns.map(({ name }, index) => [`Value #${letters[index]!}`, name]));
  const panel = new table.PanelBuilder();
  if (columns.length > 0) panel.withTransformation({ id: 'merge', options: {} });
  panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: Object.fromEntries(
        rawColumns.filter((name) => !labels.includes(name)).map((name) => [name, true]),
      ),
      indexByName: Object.fromEntries([...labels, ...Object.keys(names)].map((name, index) => [name, index])),
      renameByName: { ...columnNames, ...names },
    },
  });
  for (const { name, unit, thresholds } of columns) {
    panel.overrideByName(name, [
      { id: 'unit', value: units[unit] },
      // A column is at least 150 pixels wide otherwise, so that the last ones of many are out of sight.
      ...(columns.length > 7 ? [{ id: 'custom.width', value: 110 }] : []),
      ...(thresholds === undefined
        ? []
        : [
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
            {
              id: 'thresholds',
              value: { mode: 'absolute', steps: [{ color: 'green', value: null }, ...thresholds] },
            },
          ]),
    ]);
  }
  // Wide enough for a long route, and narrow enough for all columns on a screen of 1,200 pixels.
  panel.overrideByName('method', [{ id: 'custom.width', value: 80 }]);
  panel.overrideByName('route', [{ id: 'custom.width', value: 320 }]);
  if (columns.length > 0) {
    panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(columns[0]!.name).desc(true)]);
  }
  return panel;
};

/** Rates of the buckets of a histogram of durations. The vertical axis has seconds, a cell the unit of the panel. */
const heatmapPanel = (): heatmap.PanelBuilder =>
  new heatmap.PanelBuilder()
    .calculate(false)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Blues')
        .scale(heatmap.HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .yAxis(new heatmap.YAxisConfigBuilder().unit(units.seconds));

/** Without data, for example after a first start, the panel is grey. The colour of the lowest threshold would be an alarm. */
const statPanel = (): stat.PanelBuilder =>
  new stat.PanelBuilder().colorMode(common.BigValueColorMode.Background).mappings([
    {
      type: dashboard.MappingType.SpecialValue,
      options: { match: dashboard.SpecialValueMatch.NullAndNan, result: { text: 'none', color: '#808080', index: 0 } },
    },
  ]);

const panelBuilder = (spec: PanelSpec) => {
  if (spec.kind === 'stat') return statPanel();
  if (spec.kind === 'table') return tablePanel(spec);
  if (spec.kind === 'states') return statesPanel(spec);
  if (spec.kind === 'heatmap') return heatmapPanel();
  return timeseriesPanel(spec);
};

const countsEvents = ({ columns, queries }: PanelSpec): boolean =>
  columns === undefined && queries.some(({ expr }) => expr.includes('increase('));

const panel = (spec: PanelSpec, hasInstances: boolean): dashboard.Panel => {
  const built = panelBuilder(spec)
    .id(spec.id)
    .title(spec.title)
    .description(spec.thresholdSource ? `${spec.description} Line: ${spec.thresholdSource}.` : spec.description)
    .datasource(datasource)
    .targets(targets(spec))
    .unit(units[spec.unit])
    .noValue('none')
    .thresholds(thresholdsOf(spec))
    .height(spec.height ?? 8)
    .span(spec.width ?? 12)
    .build();
  // The link type of the library has required members that only the links at the top of a dashboard have.
  // Counters over windows of this length do not overlap, because the step of a query is never shorter.
  if (spec.kind === 'bars') built.interval = '1m';
  // The increase of a counter is an estimate, for example 2.03 refreshes. Events are whole numbers.
  if (built.fieldConfig && spec.unit === 'count' && countsEvents(spec)) built.fieldConfig.defaults.decimals = 0;
  if (built.fieldConfig)
    built.fieldConfig.defaults.links = dataLinks(spec, hasInstances) as unknown as dashboard.DashboardLink[];
  return built;
};

const variables = (
  uses: (variable: string) => boolean,
): dashboard.DashboardBuilder['variables'] extends (list: infer List) => unknown ? List : never => {
  const source = (name: string, type: string, label: string) =>
    new dashboard.DatasourceVariableBuilder(name).type(type).label(label);
  const labelValues = (name: string, label: string, query: string) =>
    new dashboard.QueryVariableBuilder(name)
      .label(label)
      .datasource(datasource)
      .query(query)
      .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
      .sort(dashboard.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue('.+')
      .current({ selected: true, text: 'All', value: '$__all' });
  return [
    source('datasource', 'prometheus', 'Metrics'),
    source('traces', 'jaeger', 'Traces'),
    source('logs', 'loki', 'Logs'),
    ...(uses('instance')
      ? [labelValues('instance', 'Instance', 'label_values(volwatch_build_info{job="volwatch"}, instance)')]
      : []),
    ...(uses('route')
      ? [
          labelValues(
            'route',
            'Route',
            'label_values(http_server_request_duration_seconds_count{job="volwatch"}, http_route)',
          ),
        ]
      : []),
  ];
};

const built = (value: dashboard.Panel): { build: () => dashboard.Panel } => ({ build: () => value });

const usesVariable =
  ({ rows }: DashboardSpec) =>
  (variable: string): boolean =>
    JSON.stringify(rows).includes(`$${variable}`);

/** Grafana's classic (v1) JSON of one dashboard. */
export const toGrafana = (spec: DashboardSpec): object => {
  const builder = new dashboard.DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(['volwatch', 'generated'])
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: spec.from ?? 'now-1h', to: 'now' })
    .refresh('30s')
    .variables(variables(usesVariable(spec)));
  let rowId = 100;
  for (const row of spec.rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id((rowId += 1)));
    for (const each of row.panels) builder.withPanel(built(panel(each, usesVariable(spec)('instance'))));
  }
  const document = builder.build();
  return {
    ...document,
    panels: placed(document.panels ?? []),
    annotations: { list: annotations(datasource) },
    links: dashboardLinksBar,
  };
};
