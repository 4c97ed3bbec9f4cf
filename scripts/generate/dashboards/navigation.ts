import type { PanelSpec } from './spec.ts';

/** Every link keeps the time range and the variables of the dashboard. */
const range = '${__url_time_range}';
const here = { from: '${__from}', to: '${__to}' };

/** A URL of Grafana's Explore page with the time range of the dashboard. */
const explore = (datasource: string, query: object): string => {
  const panes = { p: { datasource, queries: [{ refId: 'A', ...query }], range: here } };
  return `/explore?schemaVersion=1&panes=${JSON.stringify(panes)}`;
};

/** A table has the labels as columns under short names. There is no line_format: it would remove the field with the link to the trace. */
const logsOfRoute = ({ kind }: PanelSpec): string => {
  const route = kind === 'table' ? '${__data.fields.route}' : '${__field.labels.http_route}';
  return `{service_name="volwatch"} | json | route=\`${route}\``;
};

/** Links from a point of a panel to the traces and the log lines of the same minutes. */
export const dataLinks = (panel: PanelSpec, hasInstances: boolean): readonly object[] => {
  const byRoute = panel.queries.some(({ legend }) => legend.includes('http_route'));
  return [
    ...(panel.link ? [{ ...panel.link, targetBlank: true }] : []),
    {
      title: 'Traces of these minutes',
      url: explore('${traces}', { queryType: 'search', service: 'volwatch' }),
      targetBlank: true,
    },
    {
      title: byRoute ? 'Log lines of this route' : 'Log lines with an error code',
      url: explore('${logs}', { expr: byRoute ? logsOfRoute(panel) : '{service_name="volwatch"} | json | code!=""' }),
      targetBlank: true,
    },
    { title: 'Service overview', url: `/d/volwatch-overview?${range}${hasInstances ? '&${instance:queryparam}' : ''}` },
  ];
};

/** The links at the top of each dashboard. */
export const dashboardLinksBar = [
  {
    title: 'Volwatch dashboards',
    type: 'dashboards',
    tags: ['volwatch'],
    asDropdown: true,
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    icon: 'external link',
    tooltip: '',
    url: '',
  },
];

const annotation = (name: string, expr: string, iconColor: string, titleFormat: string, textFormat: string) => ({
  name,
  expr,
  iconColor,
  titleFormat,
  textFormat,
});

/**
 * The first minute of each series of `expr`. With a step of one minute it is one point, which Grafana draws as a line.
 * Points in sequence would be a region that covers the plots.
 */
const beginOf = (expr: (offset: string) => string): string => `(${expr('')}) unless (${expr(' offset 1m')})`;

/** Each query must parse, and must return data after its event has happened. dashboards-verify.ts checks both. */
const annotationQueries = [
  annotation(
    'Deploys',
    // A missed scrape is no deploy.
    beginOf(
      (offset) =>
        `count by (instance, version, commit) (last_over_time(volwatch_build_info{job="volwatch"}[10m]${offset}))`,
    ),
    'blue',
    'Deploy',
    '{{instance}}: {{version}} {{commit}}',
  ),
  annotation(
    'Refreshes',
    beginOf(
      (offset) =>
        `sum by (universe, outcome) (increase(volwatch_refresh_duration_seconds_count{job="volwatch"}[1m]${offset})) > 0`,
    ),
    'purple',
    'Refresh',
    '{{universe}} {{outcome}}',
  ),
  annotation(
    'Injected faults',
    beginOf(
      (offset) => `sum by (point, mode) (increase(volwatch_faults_injected_total{job="volwatch"}[1m]${offset})) > 0`,
    ),
    'orange',
    'Fault injected',
    '{{point}} {{mode}}',
  ),
  annotation(
    'Alerts',
    beginOf((offset) => `max by (alertname, severity) (ALERTS{alertstate="firing",severity="page"}${offset})`),
    'red',
    '{{alertname}}',
    '{{severity}}',
  ),
];

export const annotations = (datasource: object): readonly object[] =>
  annotationQueries.map((query) => ({
    ...query,
    datasource,
    enable: query.name !== 'Refreshes',
    hide: false,
    step: '1m',
  }));
