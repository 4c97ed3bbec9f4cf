import { spawnSync } from 'node:child_process';

const countByConvention =
  'the name is that of the semantic conventions of OpenTelemetry, and a gauge of connections counts them';
const nameOfPromClient = 'prom-client gives this name to its default metric, and dashboards of others use it';

/** Lines of `promtool check metrics` that are accepted, each with the reason. */
const accepted: Readonly<Record<string, string>> = {
  'db_client_connection_count non-histogram and non-summary metrics should not have "_count" suffix': countByConvention,
  'nodejs_active_handles_total non-counter metrics should not have "_total" suffix': nameOfPromClient,
  'nodejs_active_requests_total non-counter metrics should not have "_total" suffix': nameOfPromClient,
  'nodejs_active_resources_total non-counter metrics should not have "_total" suffix': nameOfPromClient,
};

/** @returns what promtool found and nobody accepted, and accepted lines that it does not find any more */
export const lintFaults = (found: readonly string[], known: Readonly<Record<string, string>> = accepted): string[] => [
  ...found.filter((line) => !Object.hasOwn(known, line)),
  ...Object.keys(known)
    .filter((line) => !found.includes(line))
    .map((line) => `promtool does not find this any more, so remove it from the accepted lines: ${line}`),
];

/** Runs `promtool check metrics` on a scrape of the service. */
export const metricsLint = async (adminUrl: string): Promise<string[]> => {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { accept: 'text/plain; version=0.0.4' } });
  const { stderr, status } = spawnSync('.tools/bin/promtool', ['check', 'metrics'], {
    input: await response.text(),
    encoding: 'utf8',
  });
  // 3: it has something to report.
  if (status !== 0 && status !== 3) return [`promtool check metrics ended with status ${status}: ${stderr}`];
  return lintFaults(stderr.split('\n').filter((line) => line !== ''));
};
