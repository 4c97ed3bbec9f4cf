import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';

const read = (path: string): unknown => parse(readFileSync(path, 'utf8'), { merge: true });

type Job = { readonly job_name: string; readonly static_configs: readonly { readonly targets: readonly string[] }[] };
type PrometheusConfig = {
  readonly global: { readonly scrape_interval: string; readonly evaluation_interval: string };
  readonly scrape_configs: readonly Job[];
};
type Stack = {
  readonly prometheus: {
    readonly prometheusSpec: {
      readonly scrapeInterval: string;
      readonly evaluationInterval: string;
      readonly retention: string;
      readonly enableFeatures: readonly string[];
      readonly additionalScrapeConfigs: readonly Job[];
    };
  };
};
type Collector = {
  readonly fullnameOverride: string;
  readonly image: { readonly repository: string; readonly tag: string };
  readonly ports: Readonly<Record<string, { readonly enabled: boolean; readonly servicePort?: number }>>;
};
type Compose = { readonly services: Readonly<Record<string, { readonly image: string; readonly command: string[] }>> };

const { prometheusSpec } = (read('deploy/monitoring/kube-prometheus-stack.yaml') as Stack).prometheus;
const collector = read('deploy/monitoring/opentelemetry-collector.yaml') as Collector;
const prometheus = read('alerts/prometheus.yml') as PrometheusConfig;
const { services } = read('docker-compose.yml') as Compose;

test('Prometheus of a cluster has the intervals, history and features of the tested one', (t) => {
  const { command } = services['prometheus']!;
  t.is(prometheusSpec.scrapeInterval, prometheus.global.scrape_interval);
  t.is(prometheusSpec.evaluationInterval, prometheus.global.evaluation_interval);
  t.true(command.includes(`--storage.tsdb.retention.time=${prometheusSpec.retention}`));
  t.true(command.includes(`--enable-feature=${prometheusSpec.enableFeatures.join(',')}`));
});

test('the Collector of a cluster is the tested one', (t) => {
  const { repository, tag } = collector.image;
  t.is(`${repository}:${tag}`, services['otel-collector']!.image);
});

test('the jobs that the alerts name read the ports that they read elsewhere', (t) => {
  const portOf = ({ static_configs: [targets] }: Job): string => targets!.targets[0]!.split(':')[1]!;
  const tested = new Map(prometheus.scrape_configs.map((job) => [job.job_name, portOf(job)]));
  const jobs = prometheusSpec.additionalScrapeConfigs;
  t.deepEqual(
    jobs.map((job) => [job.job_name, portOf(job)]),
    jobs.map(({ job_name: name }) => [name, tested.get(name)]),
  );
});

test('the Collector serves the ports that Prometheus reads', (t) => {
  const targets = prometheusSpec.additionalScrapeConfigs.flatMap((job) => job.static_configs[0]!.targets);
  const ports = targets
    .map((target) => target.split(':'))
    .filter(([host]) => host === collector.fullnameOverride)
    .map(([, port]) => Number(port));
  const served = Object.values(collector.ports).filter(({ enabled }) => enabled);
  t.is(ports.length, 2);
  // The chart's own port `metrics` is 8888 unless the values name another.
  t.deepEqual(
    served.map(({ servicePort = 8888 }) => servicePort).toSorted((a, b) => a - b),
    ports.toSorted((a, b) => a - b),
  );
});
