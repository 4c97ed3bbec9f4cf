/**
 * Measures the time from fault to signal. For each cause alert it causes the fault on the live service and waits for
 * the log line and span of one trace and for the alert in Alertmanager. Then it ends the fault and waits until the
 * alert is over. `--write` writes the results to docs/signals.md. With alert names only these alerts run. The rules
 * have windows of seconds instead of minutes, so the result shows that the path works, not the real delay.
 */
import { writeFileSync } from 'node:fs';
import { isTrueWithin } from '#testkit/eventually.ts';
import { causeAlerts } from '../generate/alerts/cause-alerts.ts';
import { notice, table } from '../generate/markdown.ts';
import { sloDocument } from '../generate/slo/slo.ts';
import { repeatedly } from './around/repeatedly.ts';
import type { Around, Scenario } from './around/scenario.ts';
import { startWatchedStack } from './around/watched-stack.ts';
import { scenarios } from './scenarios.ts';
import { withScope } from './scope.ts';
import type { Stack } from './stack.ts';

type Result = {
  readonly scenario: Scenario;
  /** Seconds since the fault; undefined if there was no signal. */
  readonly signal: number | undefined;
  readonly fired: number | undefined;
  readonly over: number | undefined;
  readonly trace: string | undefined;
};

/** Alerts that RedisDown inhibits, because it explains them. */
const inhibited = new Set(['LimiterFellBackToMemory']);

const pollMs = 200;
const since = (start: number): number => Math.round((Date.now() - start) / 100) / 10;

/**
 * Returns the trace id of a request whose log line and span exist; undefined if there is none yet. A fault without
 * requests needs only its log line, and the result is then an empty string.
 */
const watchSignal = async (
  scenario: Scenario,
  stack: Stack,
  traces: readonly string[],
  from: number,
): Promise<string | undefined> => {
  const lines = (): Stack['service']['log'] => stack.service.log.slice(from);
  if (scenario.meet === undefined) return scenario.log === undefined || lines().some(scenario.log) ? '' : undefined;
  const known = traces.filter((trace) =>
    lines().some((line) => line['trace_id'] === trace && (scenario.log === undefined || scenario.log(line))),
  );
  if (scenario.spanLost) return known[0];
  const exported = stack.collector.bytes();
  return known.find((trace) => exported.includes(Buffer.from(trace, 'hex')));
};

const run = async (scenario: Scenario, stack: Stack, around: Around, token: string): Promise<Result> => {
  const { alertmanager } = around;
  const { alert, meet } = scenario;
  // Of the four alerts on a budget, the one with the shortest windows.
  const firing = async (): Promise<boolean> =>
    (await alertmanager.alerts()).some(
      ({ labels: { alertname, long = '1h' } }) => alertname === alert && long === '1h',
    );
  if (await firing()) await scenario.recover?.(stack, token);
  // A timeout does not stop the run. It becomes a finding on the page.
  await isTrueWithin(async () => !(await firing()), 20_000, pollMs);
  const traces: string[] = [];
  const from = stack.service.log.length;
  const start = Date.now();
  await scenario.inject(stack, around);
  const stop = meet
    ? repeatedly(async () => {
        const trace = await meet(stack, token);
        if (trace !== undefined) traces.push(trace);
      }, 100)
    : async () => {};
  let signal: number | undefined;
  let trace: string | undefined;
  let fired: number | undefined;
  const isComplete = async (): Promise<boolean> => {
    trace ??= await watchSignal(scenario, stack, traces, from);
    if (trace !== undefined) signal ??= since(start);
    if (await firing()) fired ??= since(start);
    return fired !== undefined && signal !== undefined;
  };
  await isTrueWithin(isComplete, 40_000, pollMs);
  const told = (): boolean =>
    alertmanager.notifications.some(({ alerts }) => alerts.some(({ labels }) => labels['alertname'] === alert));
  if (fired !== undefined && !inhibited.has(alert)) await isTrueWithin(told, 5_000, pollMs);
  await stop();
  const ended = Date.now();
  await scenario.end(stack, around);
  const recover = scenario.recover;
  const stopRecovery = recover ? repeatedly(() => recover(stack, token), 200) : async () => {};
  const over = (await isTrueWithin(async () => !(await firing()), 40_000, pollMs)) ? since(ended) : undefined;
  await stopRecovery();
  if (over === undefined)
    console.error(
      (await alertmanager.alerts()).map((each) => JSON.stringify(each.labels) + each.annotations['summary']).join('\n'),
    );
  return { scenario, signal, fired, over, trace };
};

const seconds = (value: number | undefined): string => (value === undefined ? 'MISSING' : `${value} s`);
const rows = (results: readonly Result[]): string[][] =>
  results.map(({ scenario, signal, fired, over, trace }) => [
    `[${scenario.alert}](runbooks/${scenario.alert}.md)`,
    scenario.fault,
    scenario.log || scenario.meet ? seconds(signal) : 'none',
    trace
      ? scenario.spanLost
        ? 'log line; the span is what is lost'
        : 'log line and span'
      : scenario.log
        ? 'log line'
        : 'metric',
    seconds(fired),
    seconds(over),
  ]);

const page = (
  results: readonly Result[],
): string => `${notice('a live run').replace('npm run generate', 'npm run signals:verify -- --write')}
# From fault to signal

Each cause is made to happen on the live service behind a real Prometheus and a real Alertmanager; times are from the
fault to the signal, and from its end to the end of the alert. Scrapes and evaluations happen each second and windows
are four seconds long, so that the figures show the path: with the windows of alerts/rules/causes.yml an alert comes
after its \`for\` plus up to 30 s, and ends when its window is clean. The windows of budgets are 60 times shorter: an hour is a
minute, and the times are those of the page over 1 h and 5 min.

${table(['alert', 'fault', 'first signal after', 'found with one trace id', 'alert after', 'over after'], rows(results))}

Every alert reached its receiver (page or ticket), or was inhibited by the one that explains it.
`;

await withScope(async (scope) => {
  const { stack, around, token, stopTraffic } = await startWatchedStack(scope, pollMs);
  const { alertmanager } = around;
  const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
  const results: Result[] = [];
  for (const scenario of scenarios) {
    if (wanted.length > 0 && !wanted.includes(scenario.alert)) continue;
    const result = await run(scenario, stack, around, token);
    results.push(result);
    console.log(rows([result])[0]!.join(' | '));
  }
  await stopTraffic();
  const notified = new Set(
    alertmanager.notifications.flatMap(({ alerts }) => alerts.map(({ labels }) => labels['alertname'])),
  );
  const silent = results.filter(({ scenario }) => !notified.has(scenario.alert) && !inhibited.has(scenario.alert));
  const unproven = [...causeAlerts, ...sloDocument.slos].filter(
    ({ alert }) => !scenarios.some((scenario) => scenario.alert === alert),
  );
  for (const { scenario } of silent) console.error(`${scenario.alert} reached no receiver`);
  for (const { alert } of unproven) console.error(`${alert} has no scenario`);
  if (process.argv.includes('--write')) writeFileSync('docs/signals.md', page(results));
  const complete = results.every(({ signal, fired, over }) => ![signal, fired, over].includes(undefined));
  return complete && silent.length === 0 && unproven.length === 0;
});
