import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';

type Rule = {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};
type RuleFile = { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
type AlertTest = { readonly eval_time: string; readonly alertname: string; readonly exp_alerts: readonly unknown[] };
type TestFile = {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly AlertTest[];
    readonly promql_expr_test?: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
  }[];
};

const read = <Document>(directory: string): Document[] =>
  readdirSync(directory).map((name) => parse(readFileSync(join(directory, name), 'utf8')) as Document);
const rules = read<RuleFile>('alerts/rules').flatMap(({ groups }) => groups.flatMap(({ rules: each }) => each));
// The dead man's switch fires always, so it has no cause, no end and no value.
const alerts = rules.filter(({ alert }) => alert !== undefined && alert !== 'Watchdog');
const names = [...new Set(alerts.map(({ alert }) => alert!))];
const tests = read<TestFile>('alerts/tests').flatMap(({ tests: each }) => each);

const minutes = (text: string): number => Number.parseInt(text, 10);

test('an alert says how bad it is, what it saw, and where to look', (t) => {
  t.true(alerts.length > 30);
  for (const { alert, labels, annotations } of alerts) {
    t.regex(labels?.['severity'] ?? '', /^(page|ticket)$/, alert);
    t.regex(annotations?.['summary'] ?? '', /\{\{/, `${alert}: a summary without a value`);
    t.true((annotations?.['description'] ?? '').length > 30, alert);
    t.regex(annotations?.['dashboard_url'] ?? '', /\/volwatch-[a-z]+\?viewPanel=\d+$/, alert);
    t.true((annotations?.['runbook_url'] ?? '').endsWith(`/${alert}.md`), alert);
  }
});

test("an alert's panel exists", (t) => {
  const panels = new Set(
    readdirSync('dashboards').flatMap((name) => {
      const dashboard = JSON.parse(readFileSync(join('dashboards', name), 'utf8')) as {
        uid: string;
        panels: { id: number }[];
      };
      return dashboard.panels.map(({ id }) => `${dashboard.uid}?viewPanel=${id}`);
    }),
  );
  for (const { alert, annotations } of alerts) {
    t.true(panels.has(annotations?.['dashboard_url']?.split('/').at(-1) ?? ''), alert);
  }
});

test('an alert has a runbook page with every part, and each page an alert', (t) => {
  const parts = ['means', 'users feel', 'First look', 'Causes', 'What to do', 'know that it is over', 'Going back'];
  for (const alert of names) {
    const page = join('docs/runbooks', `${alert}.md`);
    t.true(existsSync(page), page);
    const text = readFileSync(page, 'utf8');
    t.true(text.startsWith(`# ${alert}\n`), page);
    for (const part of parts) t.true(text.includes(part), `${page}: ${part}`);
    t.true(readFileSync('docs/runbooks/README.md', 'utf8').includes(`[${alert}](${alert}.md)`), `index: ${alert}`);
  }
  const pages = readdirSync('docs/runbooks').filter((name) => /^[A-Z][a-z]/.test(name));
  t.deepEqual(pages.toSorted(), [...names, 'Watchdog'].map((alert) => `${alert}.md`).toSorted());
});

test("the dead man's switch fires always, and has a receiver of its own that hears it every few minutes", (t) => {
  const watchdog = rules.find(({ alert }) => alert === 'Watchdog');
  t.is(watchdog?.expr, 'vector(1)');
  t.is(watchdog?.for, undefined);
  const { route } = parse(readFileSync('alerts/alertmanager.yml', 'utf8')) as {
    readonly route: { readonly routes: readonly Readonly<Record<string, unknown>>[] };
  };
  t.like(route.routes[0], { receiver: 'heartbeat', matchers: ['alertname="Watchdog"'], repeat_interval: '5m' });
});

test('an alert has a unit test in which it is quiet, then fires, then is over', (t) => {
  for (const alert of names) {
    const cases = tests.map(({ alert_rule_test: each = [] }) => each.filter(({ alertname }) => alertname === alert));
    const whole = cases.some((each) => {
      const sorted = each.toSorted((a, b) => minutes(a.eval_time) - minutes(b.eval_time));
      return sorted.map(({ exp_alerts: expected }) => Math.min(1, expected.length)).join('') === '010';
    });
    t.true(whole, alert);
  }
});

test('each recorded percentile has a unit test with a value', (t) => {
  const recorded = rules.flatMap(({ expr, labels, ...rule }) =>
    'record' in rule && expr.startsWith('histogram_quantile')
      ? [`${String(rule.record)}{quantile="${labels?.['quantile']}"}`]
      : [],
  );
  const tested = tests.flatMap(({ promql_expr_test: each = [] }) => each);
  t.is(recorded.length, 24);
  for (const name of recorded) t.is(tested.find(({ expr }) => expr === name)?.exp_samples.length, 1, name);
});

/** Metrics of Prometheus itself and of its other targets. */
const foreign = /^(up$|probe_|alertmanager_|otelcol_)/;

test('rules name metrics of the catalogue, and recordings that exist', (t) => {
  const recordings = new Set(rules.flatMap((rule) => ('record' in rule ? [String(rule.record)] : [])));
  for (const { alert = 'a recording', expr } of rules) {
    for (const [, name = ''] of expr.matchAll(/\b([a-zA-Z_:][a-zA-Z0-9_:]*)\{/g)) {
      const known =
        name in metricCatalogue || name.replace(/_(bucket|count)$/, '') in metricCatalogue || recordings.has(name);
      t.true(known || foreign.test(name), `${alert}: ${name}`);
    }
  }
});

const seconds = (duration = '0s'): number => Number.parseInt(duration, 10) * (duration.endsWith('m') ? 60 : 1);

test('a cause fires before the alerts that it inhibits, so that none of them is sent', (t) => {
  const { inhibit_rules: inhibitRules } = parse(readFileSync('alerts/alertmanager.yml', 'utf8')) as {
    readonly inhibit_rules: readonly Readonly<Record<'source_matchers' | 'target_matchers', readonly string[]>>[];
  };
  const forOf = (name: string): number => seconds(alerts.find(({ alert }) => alert === name)?.for);
  const namesOf = (matchers: readonly string[]): string[] =>
    matchers.flatMap((each) => /^alertname=~?"(.+)"$/.exec(each)?.[1]?.split('|') ?? []);
  const pairs = inhibitRules.flatMap(({ source_matchers: source, target_matchers: target }) =>
    namesOf(source).flatMap((cause) => namesOf(target).map((consequence) => [cause, consequence] as const)),
  );
  t.true(pairs.length >= 5);
  for (const [cause, consequence] of pairs) t.true(forOf(cause) < forOf(consequence), `${cause}, ${consequence}`);
});

test('an alert on a state bears a missed scrape, because the end of a series starts `for` again', (t) => {
  const states = alerts.filter(({ expr }) => /(_up|_state)\{[^}]*\}/.test(expr));
  t.true(states.length >= 5);
  for (const { alert, expr } of states) {
    // Prometheus writes `up` itself, for each scrape that fails too.
    if (/(^|\W)up\{/.test(expr)) continue;
    t.regex(expr, /^(max|min)_over_time\(volwatch_\w+\{[^}]*\}\[30s\]\) == \d/, alert);
  }
});
