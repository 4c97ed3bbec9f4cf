/**
 * The only file that uses the dashboard library. It corrects two faults of its preview version: all rows have id 0, and
 * data links and annotations have members that belong to later Grafana versions or to other types of links.
 */
import { BarAlignment, GraphDrawStyle, StackingMode, VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as state from '@grafana/grafana-foundation-sdk/statetimeline';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { annotations, dashboardLinksBar, dataLinks } from './navigation.ts';
import type { DashboardSpec, PanelSpec, Unit } from './spec.ts';

const units: Readonly<Record<Unit, string>> = {
  seconds: 's',
  share: 'percentunit',
  'requests/s': 'reqps',
  'events/s': 'cps',
  count: 'short',
  bytes: 'bytes',
  state: 'none',
  rate: 'none',
};
const datasource = { type: 'prometheus', uid: '${datasource}' };
const letters = 'ABCDEFGHIJ';

const targets = ({ queries, exemplars, kind }: PanelSpec): DataqueryBuilder[] =>
  queries.map(({ expr, legend }, index) => {
    const query = new DataqueryBuilder().refId(letters[index]!).expr(expr).legendFormat(legend);
    if (kind === 'stat') return query.instant();
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
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(['lastNotNull', 'max']);

const timeseriesPanel = (spec: PanelSpec): timeseries.PanelBuilder => {
  const panel = new timeseries.PanelBuilder()
    .drawStyle(spec.kind === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .fillOpacity(spec.stacked ? 20 : 0)
    .showPoints(VisibilityMode.Never)
    .barAlignment(BarAlignment.Center)
    .axisSoftMin(0)
    .legend(legend())
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        spec.thresholds ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off,
      ),
    );
  return spec.stacked ? panel.stacking(new common.StackingConfigBuilder().mode(StackingMode.Normal)) : panel;
};

const panelBuilder = (spec: PanelSpec) => {
  if (spec.kind === 'stat') return new stat.PanelBuilder().colorMode(common.BigValueColorMode.Background);
  if (spec.kind === 'table') return new table.PanelBuilder();
  if (spec.kind === 'states') return new state.PanelBuilder();
  return timeseriesPanel(spec);
};

const panel = (spec: PanelSpec): dashboard.Panel => {
  const built = panelBuilder(spec)
    .id(spec.id)
    .title(spec.title)
    .description(spec.thresholdSource ? `${spec.description} Line: ${spec.thresholdSource}.` : spec.description)
    .datasource(datasource)
    .targets(targets(spec))
    .unit(units[spec.unit])
    .thresholds(thresholdsOf(spec))
    .height(8)
    .span(spec.width ?? 12)
    .build();
  // The link type of the library has required members that only the links at the top of a dashboard have.
  if (built.fieldConfig) built.fieldConfig.defaults.links = dataLinks(spec) as unknown as dashboard.DashboardLink[];
  return built;
};

const variables = (): dashboard.DashboardBuilder['variables'] extends (list: infer List) => unknown ? List : never => {
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
    labelValues('instance', 'Instance', 'label_values(volwatch_build_info{job="volwatch"}, instance)'),
    labelValues(
      'route',
      'Route',
      'label_values(http_server_request_duration_seconds_count{job="volwatch"}, http_route)',
    ),
  ];
};

const built = (value: dashboard.Panel): { build: () => dashboard.Panel } => ({ build: () => value });

/** Grafana's classic (v1) JSON of one dashboard. */
export const toGrafana = (spec: DashboardSpec): object => {
  const builder = new dashboard.DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(['volwatch', 'generated'])
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .variables(variables());
  let rowId = 100;
  for (const row of spec.rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id((rowId += 1)));
    for (const each of row.panels) builder.withPanel(built(panel(each)));
  }
  return { ...builder.build(), annotations: { list: annotations(datasource) }, links: dashboardLinksBar };
};
