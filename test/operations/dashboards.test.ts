import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';

type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string; readonly exemplar?: boolean }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly links?: readonly { readonly title: string; readonly url: string }[];
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] };
    };
  };
};
type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string }[] };
};

const files = readdirSync('dashboards').map((name) => readFileSync(join('dashboards', name), 'utf8'));
const dashboards = files.map((text) => JSON.parse(text) as Dashboard);
const panels = dashboards.flatMap(({ uid, panels: all }) =>
  all.filter(({ type }) => type !== 'row').map((panel) => ({ where: `${uid}/${panel.id} ${panel.title}`, panel })),
);

test('dashboards are known by uid, explain themselves and offer the same choices', (t) => {
  t.is(dashboards.length, 13);
  t.is(new Set(dashboards.map(({ uid }) => uid)).size, dashboards.length);
  for (const { uid, title, description, annotations, templating, panels: all } of dashboards) {
    t.regex(uid, /^volwatch-[a-z]+$/);
    t.true(description.length > 20, title);
    t.deepEqual(
      annotations.list.map(({ name }) => name),
      ['Deploys', 'Refreshes', 'Injected faults', 'Alerts'],
    );
    t.deepEqual(
      templating.list.map(({ name }) => name).filter((name) => name !== 'route' && name !== 'instance'),
      ['datasource', 'traces', 'logs'],
    );
    t.is(new Set(all.map(({ id }) => id)).size, all.length, `${title}: panel ids`);
  }
});

test('a panel has a short title, says what it shows, has a unit and legends', (t) => {
  for (const { where, panel } of panels) {
    t.true((panel.description ?? '').length > 30, `${where}: description`);
    t.truthy(panel.fieldConfig?.defaults.unit, `${where}: unit`);
    t.true((panel.targets ?? []).length > 0, `${where}: queries`);
    for (const { legendFormat } of panel.targets ?? []) t.truthy(legendFormat, `${where}: legend`);
  }
});

test('no data source is hard-coded', (t) => {
  for (const { where, panel } of panels) t.is(panel.datasource?.uid, '${datasource}', where);
  for (const text of files) t.notRegex(text, /"uid": "(?!volwatch-|\$\{|-- )/);
});

test('thresholds are decided, not the stock ones', (t) => {
  for (const { where, panel } of panels) {
    const steps = (panel.fieldConfig?.defaults.thresholds?.steps ?? []).map(({ value }) => value);
    t.is(steps[0], null, where);
    t.notDeepEqual(steps, [null, 80], where);
    t.deepEqual(
      steps.slice(1),
      steps.slice(1).toSorted((a, b) => Number(a) - Number(b)),
      where,
    );
  }
});

test('a panel of latencies opens traces', (t) => {
  // Gauges, the age of data, and histograms that carry no exemplars since no request stands behind them.
  const withoutRequests =
    /last_success_timestamp|eventloop_lag|wait_time_seconds|replica_lag|clock_difference|stale_age|maintenance|oldest_waiting|probe_|max_tx_duration|prometheus_rule|process_cpu|k6_/;
  for (const { where, panel } of panels) {
    if (panel.fieldConfig?.defaults.unit !== 's') continue;
    for (const { expr, exemplar } of panel.targets ?? []) t.is(exemplar ?? false, !withoutRequests.test(expr), where);
  }
});

test('every panel leads to traces, logs and the overview with the time range kept', (t) => {
  for (const { where, panel } of panels) {
    const links = panel.fieldConfig?.defaults.links ?? [];
    // A panel can have one link of its own before them.
    t.true([3, 4].includes(links.length), where);
    for (const { url } of links.slice(-3)) t.regex(url, /__url_time_range|__from/, where);
  }
});

test('queries name metrics of the catalogue, of Node or of a neighbour', (t) => {
  const suffix = /_(bucket|count|sum)$/;
  const foreign = /^(process_|nodejs_|pg_|probe_|caddy_|otelcol_|prometheus_|alertmanager_|node_|k6_|up$|ALERTS$|slo:)/;
  for (const { where, panel } of panels) {
    for (const { expr } of panel.targets ?? []) {
      for (const [, name = ''] of expr.matchAll(/\b([a-zA-Z_:][a-zA-Z0-9_:]*)\{/g)) {
        const known = name in metricCatalogue || name.replace(suffix, '') in metricCatalogue || foreign.test(name);
        t.true(known, `${where}: ${name}`);
      }
    }
  }
});
