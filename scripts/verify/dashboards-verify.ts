/**
 * Checks the dashboards: runs the service with all its dependencies and a real Prometheus, generates traffic and
 * faults, then runs the query of every panel, annotation, variable and rule of the committed files. A query that does
 * not parse or returns no data is a fault. An exemplar whose trace was not exported is also a fault, and so is a line of `promtool check metrics` that is not
 * accepted. With `--service-only`
 * proxy, probes, exporter of the host and k6 are not started, and queries about them only have to parse.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from './programs.ts';
import { startAlertmanager } from './alertmanager.ts';
import { runK6 } from './around/k6.ts';
import { filledIn, hasNumber, readDashboards, type Dashboard } from './around/panel-queries.ts';
import { startPrometheus, type Prometheus, type Sample } from './prometheus.ts';
import { type Scope } from '#testkit/scope.ts';
import { withScope } from './scope.ts';
import { accountRound, pricingJobRound, secondFactorRound } from './account-traffic.ts';
import { startStack, type Stack } from './stack.ts';
import { metricsLint } from './around/metrics-lint.ts';
import { startSurroundings } from './around/surroundings.ts';
import {
  badRound,
  burstRound,
  limitedRound,
  ordinaryRound,
  refreshRound,
  saturatedRound,
  staleRound,
  takeToken,
  calendarRound,
  refusedRound,
  mailRound,
  webhookRound,
} from './traffic.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

const serviceOnly = process.argv.includes('--service-only');
/** Metrics of programs that `--service-only` does not start. */
const aroundPattern = /\b(?:probe|caddy|node|otelcol|k6)_|reachability|job="(?!volwatch|postgres|alertmanager)/;
const isLeftOut = (expr: string): boolean => serviceOnly && aroundPattern.test(expr);

const dashboards = readDashboards();

/** The number of lines of a legend that are visible without scrolling. A line is about as high as a row of the grid. */
const visibleSeries = (gridRows: number): number => gridRows + 1;

const hasLabels = ({ metric }: Sample): boolean => Object.keys(metric).length > 0;

const drive = async (stack: Stack): Promise<void> => {
  const token = await takeToken(stack.service);
  for (let round = 0; round < 3; round += 1) await ordinaryRound(stack, token);
  await sleep(2_000);
  await accountRound(stack);
  await secondFactorRound(stack);
  await pricingJobRound(stack, token);
  await refreshRound(stack, token);
  await webhookRound(stack, token);
  // Before the limit of sign-ins is used up, which requests for messages share.
  await mailRound(stack);
  await calendarRound(stack, token);
  await mailRound(stack);
  await badRound(stack, token);
  await limitedRound(stack, 60);
  await saturatedRound(stack);
  await burstRound(stack);
  for (let round = 0; round < 3; round += 1) {
    await ordinaryRound(stack, token);
    await refreshRound(stack, token);
    await webhookRound(stack, token);
    await calendarRound(stack, token);
    await refusedRound(stack, token);
    await accountRound(stack);
    await pricingJobRound(stack, token);
    await staleRound(stack);
  }
};

type Finding = { readonly where: string; readonly problem: string | undefined };

/** Metrics without a series at the moment, each with its reason. */
const withoutSeries: readonly string[] = [
  // No route is deprecated.
  'volwatch_deprecated_requests_total',
];

/** A legend with label values needs a series with labels, so `or vector(0)` alone does not count as data. */
const askFor = async (
  prometheus: Prometheus,
  where: string,
  expr: string,
  start: number,
  named: boolean,
): Promise<Finding> => {
  try {
    const found = (await prometheus.range(filledIn(expr), start)).filter(hasNumber);
    const good = named ? found.some(hasLabels) : found.length > 0;
    const isExcused = withoutSeries.some((metric) => expr.includes(metric)) || isLeftOut(expr);
    return { where, problem: good || isExcused ? undefined : `no data: ${expr}` };
  } catch (error) {
    return { where, problem: error instanceof Error ? error.message : String(error) };
  }
};

const askForVariable = async (prometheus: Prometheus, where: string, query: string): Promise<Finding> => {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query) ?? [];
  const values =
    label === undefined ? [] : await prometheus.get<string[]>(`label/${label}/values`, { 'match[]': selector! });
  return { where, problem: values.length > 0 || isLeftOut(query) ? undefined : `no values: ${query}` };
};

const verifyDashboard = async (prometheus: Prometheus, dashboard: Dashboard, start: number): Promise<Finding[]> => {
  const findings: Finding[] = [];
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat = '' } of targets) {
      const where = `${dashboard.title}: ${title}`;
      // signals-verify.ts checks which alerts fire. Here only the expression must evaluate.
      const aboutAlerts = expr.includes('ALERTS');
      findings.push(
        await askFor(
          prometheus,
          where,
          aboutAlerts ? `${expr} or vector(0)` : expr,
          start,
          legendFormat.includes('{{') && !aboutAlerts,
        ),
      );
    }
  }
  for (const { type, title, gridPos, targets = [] } of dashboard.panels) {
    if (type !== 'timeseries') continue;
    const where = `${dashboard.title}: series of ${title}`;
    const found = await Promise.all(targets.map(({ expr }) => prometheus.range(filledIn(expr), start)));
    const count = found.flat().filter(hasNumber).length;
    const max = visibleSeries(gridPos.h);
    findings.push({
      where,
      problem: count > max ? `${count}, the legend shows ${max}: use highest() or more height` : undefined,
    });
  }
  for (const { name, expr } of dashboard.annotations.list) {
    const where = `${dashboard.title}: annotation ${name}`;
    findings.push(
      await askFor(prometheus, where, expr.includes('ALERTS') ? `${expr} or vector(0)` : expr, start, false),
    );
  }
  for (const { type, name, query } of dashboard.templating.list) {
    if (type === 'query')
      findings.push(await askForVariable(prometheus, `${dashboard.title}: variable ${name}`, query));
  }
  return findings;
};

/** Every rule must evaluate, each recording rule must have data, and each series in an alert must exist. */
const verifyRules = async (prometheus: Prometheus, start: number): Promise<Finding[]> => {
  const known = new Set(await prometheus.get<string[]>('label/__name__/values'));
  const findings: Finding[] = [];
  for (const { name, type, health, lastError, query } of await prometheus.rules()) {
    const where = `${type} ${name}`;
    if (health !== 'ok') findings.push({ where, problem: lastError ?? health });
    else if (type === 'recording') findings.push(await askFor(prometheus, where, query, start, false));
    else if (!isLeftOut(query)) {
      const missing = [...query.matchAll(/[a-z_:][a-z0-9_:]*(?=\{)/g)]
        .map(([metric]) => metric)
        .filter((metric) => !known.has(metric));
      findings.push({ where, problem: missing.length > 0 ? `no such series: ${missing.join(', ')}` : undefined });
    }
  }
  return findings;
};

/** Max time from the end of a span to its export, while the load uses all processors. */
const maxExportMs = 15_000;

/** The traces of which no span has arrived in time. */
const notExported = async ({ bytes }: Stack['collector'], ids: ReadonlySet<string>): Promise<readonly string[]> => {
  for (const end = Date.now() + maxExportMs; ; await sleep(500)) {
    const exported = bytes();
    const lost = [...ids].filter((id) => !exported.includes(Buffer.from(id, 'hex')));
    if (lost.length === 0 || Date.now() >= end) return lost;
  }
};

type Exemplars = readonly { readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[] }[];

/** The exemplars of every latency panel must belong to exported traces. */
const verifyExemplars = async (prometheus: Prometheus, { collector }: Stack, start: number): Promise<Finding[]> => {
  const findings: Finding[] = [];
  for (const dashboard of dashboards) {
    for (const { title, targets = [] } of dashboard.panels) {
      for (const { expr, exemplar } of targets.filter(({ exemplar }) => exemplar === true)) {
        const where = `${dashboard.title}: exemplars of ${title}`;
        const window = { start: String(start), end: String(Date.now() / 1_000) };
        const series = await prometheus.get<Exemplars>('query_exemplars', { query: filledIn(expr), ...window });
        const ids = new Set(series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id']!)));
        const lost = await notExported(collector, ids);
        const problem = lost.length > 0 ? `not exported: ${lost.slice(0, 3).join(', ')}` : undefined;
        findings.push({ where, problem: ids.size === 0 && exemplar ? 'none' : problem });
      }
    }
  }
  return findings;
};

const startPostgresExporter = async (scope: Scope, { primaryUrl }: Stack): Promise<string> => {
  const address = `127.0.0.1:${await freePort()}`;
  await startProgram(scope, 'postgres_exporter', [`--web.listen-address=${address}`], {
    readyUrl: `http://${address}/metrics`,
    environment: { DATA_SOURCE_NAME: `${primaryUrl}?sslmode=disable` },
  });
  return address;
};

await withScope(async (scope) => {
  const stack = await startStack(scope, { RATE_LIMIT_LOGIN_PER_MINUTE: '30' });
  const alertmanager = await startAlertmanager(scope);
  const surroundings = serviceOnly ? undefined : await startSurroundings(scope, stack);
  const prometheus = await startPrometheus(scope, {
    targets: {
      volwatch: new URL(stack.service.adminUrl).host,
      postgres: await startPostgresExporter(scope, stack),
      alertmanager: alertmanager.address,
      ...surroundings?.targets,
    },
    alertmanager: alertmanager.address,
  });
  const start = Date.now() / 1_000;
  surroundings?.strandedCollector.feed();
  // The first notification, the one of Watchdog, is refused at first.
  alertmanager.receiver.isRefusing = true;
  const load = serviceOnly ? undefined : runK6(scope, stack, prometheus);
  await drive(stack);
  alertmanager.receiver.isRefusing = false;
  await load;
  await sleep(4_000);
  const findings = [
    ...(await Promise.all(dashboards.map((dashboard) => verifyDashboard(prometheus, dashboard, start)))).flat(),
    ...(await verifyRules(prometheus, start)),
    ...(await verifyExemplars(prometheus, stack, start)),
    ...(await metricsLint(stack.service.adminUrl)).map((problem) => ({ where: 'promtool check metrics', problem })),
  ];
  const wrong = findings.filter(({ problem }) => problem !== undefined);
  for (const { where, problem } of wrong) console.error(`${where}\n    ${problem}`);
  console.log(`${findings.length} queries of ${dashboards.length} dashboards and the rules, ${wrong.length} wrong`);
  return wrong.length === 0;
});
