import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { startProgram, temporaryDirectory } from './programs.ts';
import type { Scope } from '#testkit/scope.ts';
import { freePort } from '#src/embedded-postgres/free-port.ts';

export type Sample = {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly [number, string][];
};
type RuleState = {
  readonly name: string;
  readonly type: 'alerting' | 'recording';
  readonly health: string;
  readonly lastError?: string;
  readonly query: string;
  readonly state?: 'inactive' | 'pending' | 'firing';
};

export type Prometheus = {
  readonly url: string;
  /**
   * Every series of `expr` since `start` (Unix seconds).
   * @throws Error with the message of Prometheus
   */
  readonly range: (expr: string, start: number) => Promise<readonly Sample[]>;
  readonly get: <Data>(path: string, parameters?: Readonly<Record<string, string>>) => Promise<Data>;
  readonly rules: () => Promise<readonly RuleState[]>;
};

export type PrometheusOptions = {
  /**
   * By job name of alerts/prometheus.yml: host:port, or other addresses for those in the job. Jobs without an entry are
   * omitted, except the one of Prometheus itself.
   */
  readonly targets: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly alertmanager?: string;
  /** Changes the text of a rule file, so that its windows fit a run of a few minutes. */
  readonly rewriteRules?: (text: string, file: string) => string;
};

type Target = PrometheusOptions['targets'][string];
type Job = { job_name: string; static_configs: { targets: string[] }[] };
type Configuration = {
  global: Record<string, string>;
  rule_files: string[];
  alerting: unknown;
  scrape_configs: Job[];
};

/** Writes the repository's own configuration and rules with other addresses and a scrape interval of one second. */
const configure = (directory: string, { targets, alertmanager, rewriteRules }: PrometheusOptions): string => {
  const atAddress = (job: Job, address: Target): Job =>
    typeof address === 'string'
      ? { ...job, static_configs: [{ targets: [address] }] }
      : (JSON.parse(
          Object.entries(address).reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(job)),
        ) as Job);
  const configuration = parse(readFileSync('alerts/prometheus.yml', 'utf8')) as Configuration;
  configuration.global = { ...configuration.global, scrape_interval: '1s', evaluation_interval: '1s' };
  configuration.alerting = {
    alertmanagers: alertmanager === undefined ? [] : [{ static_configs: [{ targets: [alertmanager] }] }],
  };
  configuration.scrape_configs = configuration.scrape_configs
    .filter(({ job_name: job }) => targets[job] !== undefined)
    .map((job) => atAddress(job, targets[job.job_name]!));
  mkdirSync(join(directory, 'rules'));
  for (const file of readdirSync('alerts/rules')) {
    // Groups with an interval of their own follow the short interval too.
    const text = readFileSync(join('alerts/rules', file), 'utf8').replaceAll(/interval: \w+/g, 'interval: 1s');
    writeFileSync(join(directory, 'rules', file), rewriteRules === undefined ? text : rewriteRules(text, file));
  }
  const path = join(directory, 'prometheus.yml');
  writeFileSync(path, stringify(configuration));
  return path;
};

export const startPrometheus = async (
  scope: Pick<Scope, 'teardown'>,
  options: PrometheusOptions,
): Promise<Prometheus> => {
  const directory = temporaryDirectory(scope);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await startProgram(
    scope,
    'prometheus',
    [
      `--config.file=${configure(directory, { ...options, targets: { prometheus: `127.0.0.1:${port}`, ...options.targets } })}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--web.enable-remote-write-receiver',
      '--log.level=warn',
    ],
    { readyUrl: `${url}/-/ready` },
  );
  const get: Prometheus['get'] = async <Data>(path: string, parameters: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const body = (await response.json()) as { status: string; error?: string; data: Data };
    if (body.status !== 'success') throw new Error(body.error);
    return body.data;
  };
  return {
    url,
    get,
    range: async (expr, start) => {
      const window = { start: String(start), end: String(Date.now() / 1_000), step: '1' };
      return (await get<{ result: readonly Sample[] }>('query_range', { query: expr, ...window })).result;
    },
    rules: async () => {
      const { groups } = await get<{ groups: readonly { rules: readonly RuleState[] }[] }>('rules');
      return groups.flatMap(({ rules }) => rules);
    },
  };
};
