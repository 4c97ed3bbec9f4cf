import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  dashboardFaults,
  faultsOfDashboard,
  type CheckedDashboard,
  type CheckedPanel,
} from '../../scripts/check/dashboard-faults.ts';

const overview = JSON.parse(readFileSync('dashboards/service-overview.json', 'utf8')) as CheckedDashboard;
const first = (type: string): CheckedPanel => overview.panels.find((panel) => panel.type === type)!;
const withPanel = (type: string, change: object): string[] => {
  const changed = { ...first(type), ...change } as CheckedPanel;
  return faultsOfDashboard({
    ...overview,
    panels: overview.panels.map((panel) => (panel.id === changed.id ? changed : panel)),
  });
};

test('the dashboards have none of the faults that were once seen in Grafana', (t) => {
  t.deepEqual(dashboardFaults(), []);
});

const query = (expr: string, legendFormat = '{{route}}') => ({ targets: [{ expr, legendFormat }] });
for (const [fault, type, change] of [
  ['outside the grid', 'timeseries', { gridPos: { x: 16, y: 900, w: 24, h: 8 } }],
  ['question', 'timeseries', { title: 'Is it slow?' }],
  ['vector(0)', 'timeseries', query('sum by (route) (x) or vector(0)')],
  ['without a legend', 'timeseries', query('x', '')],
  ['windows that overlap', 'timeseries', query('sum(increase(x[$__rate_interval]))')],
  ['windows that overlap', 'timeseries', query('sum(increase(x[$__interval]))')],
  ['map states', 'state-timeline', { fieldConfig: { defaults: {} } }],
  ['without data', 'stat', { fieldConfig: { defaults: { mappings: [] } } }],
  ['too narrow', 'timeseries', { gridPos: { x: 0, y: 900, w: 8, h: 8 } }],
  ['on the right', 'timeseries', { options: { legend: { placement: 'bottom' } } }],
  ['axisSoftMax', 'timeseries', { fieldConfig: { defaults: {} } }],
  ['raw columns', 'table', { transformations: [] }],
  ['column called "Value"', 'table', { targets: [{ expr: 'x', legendFormat: '{{a}}' }], transformations: [] }],
  [
    'with decimals',
    'timeseries',
    { interval: '1m', targets: [{ expr: 'sum(increase(x[$__interval]))', legendFormat: '{{a}}' }] },
  ],
  ['with decimals', 'timeseries', query('sum(increase(x[15m]))')],
  ['colours by position', 'timeseries', query('sum by (outcome) (x)', '{{outcome}}')],
  ['legend grows', 'timeseries', query('topk(9, x)')],
  [
    'as dots',
    'timeseries',
    { ...query('histogram_quantile(0.9, rate(x_seconds_bucket[1m]))'), fieldConfig: undefined },
  ],
  ['line_format', 'timeseries', { fieldConfig: { defaults: { links: [{ url: '/explore?x| line_format "y"' }] } } }],
] as const) {
  test(`a ${type} with this fault is named: ${fault}, ${JSON.stringify(change).slice(0, 60)}`, (t) => {
    t.true(withPanel(type, change).some((each) => each.includes(fault)));
  });
}

test('overlapping panels, an unused variable and an annotation that covers the plots are named', (t) => {
  const { panels, templating, annotations } = overview;
  t.true(withPanel('timeseries', { gridPos: panels[1]!.gridPos }).some((fault) => fault.includes('overlaps')));
  const list = [...templating.list, { name: 'model', type: 'query' }];
  t.deepEqual(faultsOfDashboard({ ...overview, templating: { list } }), [
    `${overview.title}: no query uses the variable model.`,
  ]);
  const begin = 'unless max(ALERTS{alertstate="firing"} offset 1m)';
  for (const alerts of [
    { name: 'Alerts', step: '1m', expr: 'max(ALERTS{alertstate="firing",severity="page"})' },
    { name: 'Alerts', step: '1m', expr: `max(ALERTS{alertstate="firing"}) ${begin}` },
    { name: 'Alerts', step: '30s', expr: `max(ALERTS{alertstate="firing",severity="page"}) ${begin}` },
  ]) {
    t.is(faultsOfDashboard({ ...overview, annotations: { list: [...annotations.list, alerts] } }).length, 1);
  }
});
