import { percentiles as declared, quantiles, type Percentiles } from '../percentiles/percentiles.ts';
import { of, quantile, type DashboardSpec, type PanelSpec } from './spec.ts';

const panelOf = (each: Percentiles): PanelSpec => ({
  id: each.panelId,
  kind: 'timeseries',
  title: each.title,
  description: `${each.description} The twelve longest of each. Points open the trace.`,
  unit: 'seconds',
  queries: quantiles.map((q) => ({
    expr: `topk(12, ${quantile(q, of(`${each.metric}_bucket`, each.selector), each.by.join(', '))} > 0)`,
    legend: `p${q * 100} ${each.by.map((label) => `{{${label}}}`).join(' ')}`,
  })),
  exemplars: true,
});

/** The percentiles of alerts/rules/percentiles.yml, for the chosen instances. */
export const percentiles: DashboardSpec = {
  uid: 'volwatch-percentiles',
  file: 'percentiles',
  title: 'Volwatch / Percentiles',
  description:
    'How long does each kind of work take: p50, p95 and p99. Prometheus records them for all instances together too.',
  rows: [{ title: 'Durations', panels: declared.map(panelOf) }],
};
