import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { eventually } from '#testkit/eventually.ts';
import { assertAccepted } from '../cluster/api.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { roles, type Pods } from '../cluster/pods.ts';
import type { Adapter } from './adapter.ts';
import type { Level } from './levels.ts';

/** Requests of processor time of the chart, in thousandths of a processor. */
const requested: Readonly<Record<string, number>> = { api: 1_000, worker: 500 };
/** The processors of the worker are never busy here, so that its own metric decides. */
const workerCpu = 0.1;

const apis = {
  'metrics.k8s.io': 'v1beta1',
  'custom.metrics.k8s.io': 'v1beta2',
  'external.metrics.k8s.io': 'v1beta1',
} as const;
type Group = keyof typeof apis;

const quantity = (value: number): string => `${Math.round(value * 1_000)}m`;

/** The namespace of the servers that serve metrics. */
const home = 'monitoring';

type Options = {
  readonly namespace: string;
  readonly pods: Pods;
  readonly adapter: Adapter;
  /** `undefined`: the server answers 503. */
  readonly level: () => Level | undefined;
};

/**
 * The three metrics APIs that autoscalers read, behind the aggregation layer: processor time in place of metrics-server, and
 * the values of the chart's rules in place of prometheus-adapter.
 */
export const startMetricsApi = async (
  cluster: Cluster,
  { namespace, pods, adapter, level }: Options,
): Promise<void> => {
  const timestamp = (): string => new Date().toISOString();
  const podsOf = (role: string): string[] => pods.ready(role).map(({ metadata }) => metadata.name);
  const cpu = (role: string, share: number) =>
    podsOf(role).map((name) => ({
      metadata: { name, namespace },
      timestamp: timestamp(),
      window: '15s',
      containers: [{ name: 'volwatch', usage: { cpu: quantity((share * requested[role]!) / 1_000), memory: '300Mi' } }],
    }));
  const resources = (group: Group) => {
    const named = { namespaced: true, verbs: ['get', 'list'] };
    if (group === 'metrics.k8s.io') return [{ name: 'pods', kind: 'PodMetrics', ...named }];
    return group === 'custom.metrics.k8s.io'
      ? adapter.customNames.map((name) => ({ name: `pods/${name}`, kind: 'MetricValueList', ...named }))
      : adapter.externalNames.map((name) => ({ name, kind: 'ExternalMetricValueList', ...named }));
  };
  const items = async (group: Group, metric: string, role: string, now: Level): Promise<unknown[]> => {
    if (group === 'metrics.k8s.io') return cpu(role, role === 'api' ? now.cpu / podsOf(role).length : workerCpu);
    if (group === 'external.metrics.k8s.io') {
      const values = await adapter.external(metric);
      const given = { metricName: metric, metricLabels: {}, timestamp: timestamp() };
      return values.map((value) => ({ ...given, value: quantity(value) }));
    }
    const values = await adapter.ofPods(metric, podsOf(role));
    return [...values].map(([name, value]) => ({
      describedObject: { kind: 'Pod', apiVersion: 'v1', namespace, name },
      metric: { name: metric },
      timestamp: timestamp(),
      value: quantity(value),
    }));
  };
  const answer = async (path: string, selector: string): Promise<unknown> => {
    const [, , group, version, , inNamespace, ...rest] = path.split('/');
    const groupVersion = `${group}/${version}`;
    if (!Object.entries(apis).some(([name, its]) => `${name}/${its}` === groupVersion)) return undefined;
    const ofGroup = group as Group;
    if (inNamespace === undefined) {
      return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: resources(ofGroup) };
    }
    const now = level();
    if (now === undefined || inNamespace !== namespace) return undefined;
    const role = roles.find((each) => selector.includes(`component=${each}`)) ?? '';
    const kinds = { 'metrics.k8s.io': 'PodMetricsList', 'custom.metrics.k8s.io': 'MetricValueList' } as const;
    const kind = ofGroup === 'external.metrics.k8s.io' ? 'ExternalMetricValueList' : kinds[ofGroup];
    return { kind, apiVersion: groupVersion, metadata: {}, items: await items(ofGroup, rest.at(-1)!, role, now) };
  };

  const files = { cert: readFileSync(cluster.certificateFile), key: readFileSync(cluster.keyFile) };
  const server = createServer(files, (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'https://metrics');
    void answer(pathname, searchParams.get('labelSelector') ?? '')
      .catch((error: unknown) => console.error(error))
      .then((body) => {
        const status = body === undefined ? (level() === undefined ? 503 : 404) : 200;
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status }));
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cluster.scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await register(cluster, (server.address() as AddressInfo).port);
};

type Registered = { readonly status?: { readonly conditions?: readonly { type: string; status: string }[] } };

/** The API server sends requests for the three groups to the port. */
const register = async ({ api }: Cluster, port: number): Promise<void> => {
  const service = { type: 'ExternalName', externalName: 'localhost' };
  assertAccepted(await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } }, ''));
  assertAccepted(
    await api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'metrics' }, spec: service }, home),
  );
  for (const [group, version] of Object.entries(apis)) {
    const name = `${version}.${group}`;
    // The certificate is that of the API server, so it does not name this service.
    const spec = { group, version, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true };
    const manifest = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name } };
    assertAccepted(
      await api.apply({ ...manifest, spec: { ...spec, service: { namespace: home, name: 'metrics', port } } }, ''),
    );
  }
  for (const [group, version] of Object.entries(apis)) {
    const path = `/apis/apiregistration.k8s.io/v1/apiservices/${version}.${group}`;
    const isAvailable = async (): Promise<boolean> =>
      (await api.get<Registered>(path)).status?.conditions?.some(
        ({ type, status }) => type === 'Available' && status === 'True',
      ) === true;
    await eventually(isAvailable, `the API server reaches ${group}`, 60_000, 500);
  }
};
