import { percentiles as declared, quantiles, type Percentiles } from '../percentiles/percentiles.ts';
import { highest, of, quantile, type DashboardSpec, type PanelSpec } from './spec.ts';

const byLabels = ({ metric, selector, by }: Percentiles, q: number): string =>
  quantile(q, of(`${metric}_bucket`, selector), by.join(', '));

const panelOf = (each: Percentiles): PanelSpec => ({
  id: each.panelId,
  kind: 'timeseries',
  title: each.title,
  description: `${each.description} The four with the highest p99. Points open the trace.`,
  unit: 'seconds',
  queries: quantiles.map((q) => ({
    expr: highest(byLabels(each, q), each.by.join(', '), 4, byLabels(each, 0.99)),
    legend: `p${q * 100} ${each.by.map((label) => `{{${label}}}`).join(' ')}`,
  })),
  exemplars: true,
  // The legend of twelve lines is visible as a whole.
  height: 11,
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
