import { eventually } from '#testkit/eventually.ts';
import type { Api } from '../cluster/api.ts';
import type { Deployments } from '../cluster/followed.ts';
import type { Role } from '../cluster/pods.ts';
import { createAdapter } from '../metrics/adapter.ts';
import { quiet } from '../metrics/levels.ts';
import { startMetricsApi } from '../metrics/metrics-api.ts';
import { startPodMetrics } from '../metrics/prometheus.ts';
import { namespace, type Run, type Step } from '../run.ts';
import { firstTag } from './install.ts';

type Autoscaler = {
  readonly status: { readonly conditions?: readonly { type: string; status: string; reason: string }[] };
};

const pathOf = (role: Role): string =>
  `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/volwatch-${role}`;

/** Waits until the autoscaler gives one of the reasons. */
const reasonOf = async (api: Api, role: Role, reason: RegExp, timeoutMs = 60_000): Promise<string> => {
  let reasons = '';
  const isGiven = async (): Promise<boolean> => {
    const { status } = await api.get<Autoscaler>(pathOf(role));
    reasons = (status.conditions ?? []).map((condition) => condition.reason).join(' ');
    return reason.test(reasons);
  };
  await eventually(isGiven, () => `${role}: ${reason} is none of ${reasons}`, timeoutMs, 500);
  return reason.exec(reasons)![0];
};

const wants = (deployments: Deployments, role: Role, replicas: number): Promise<void> =>
  eventually(
    () => deployments.replicas(role) === replicas,
    () =>
      `${role} wants ${replicas} pods: ${deployments
        .wanted(role)
        .map((each) => each.replicas)
        .join(' → ')}`,
    90_000,
    100,
  );

const startMetrics = async ({ cluster, api, pods, load }: Run): Promise<void> => {
  const prometheus = await startPodMetrics(cluster.scope, namespace, pods, () => load.level);
  const adapter = await createAdapter(api, namespace, prometheus);
  const level = () => (load.isMetricsApiDown ? undefined : load.level);
  await startMetricsApi(cluster, { namespace, pods, adapter, level });
  await Promise.all([reasonOf(api, 'api', /ValidMetricFound/), reasonOf(api, 'worker', /ValidMetricFound/)]);
};

/** The number of pods after the load has risen. */
export const scaledUp = { api: 4, worker: 5 } as const;

/** More load: each signal of the chart raises the number of pods by the rule of Kubernetes. */
export const scaleUp: Step = async (run) => {
  const { api, deployments, load } = run;
  await startMetrics(run);
  // 150 ms in each of two pods for a target of 100 ms: 3 pods. 90 jobs for a target of 20 each: 5 pods.
  load.level = { lagSeconds: 0.3, waiting: 90, cpu: 0.2 };
  await wants(deployments, 'api', 3);
  await eventually(() => run.pods.ready('api').length === 3, 'three pods of the API are ready', 60_000);
  // 90 % of the request in each of three pods for a target of 70 %: 4 pods.
  load.level = { lagSeconds: 0.3, waiting: 90, cpu: 2.7 };
  await wants(deployments, 'api', 4);
  await wants(deployments, 'worker', 5);
  load.isMetricsApiDown = true;
  const reason = await reasonOf(api, 'worker', /FailedGet\w+/);
  const kept = deployments.replicas('worker');
  load.isMetricsApiDown = false;
  await reasonOf(api, 'worker', /ValidMetricFound/);
  await run.pods.settled(scaledUp, firstTag);
  const path = (role: Role): string =>
    deployments
      .wanted(role)
      .map(({ replicas }) => replicas)
      .join(' → ');
  const worker = deployments.wanted('worker');
  const jumps = worker.slice(2).map(({ replicas }, index) => replicas / worker[index + 1]!.replicas);
  return [
    {
      name: 'autoscaling: API, by lag and then by processor time',
      holds: path('api') === '1 → 2 → 3 → 4',
      shown: `${path('api')} pods at 150 ms (target 100 ms) and 90 % (target 70 %)`,
    },
    {
      name: 'autoscaling: worker, by waiting jobs',
      holds: worker.at(-1)?.replicas === 5 && jumps.every((jump) => jump <= 2),
      shown: `${path('worker')} pods for 90 jobs (target 20 each), at most doubled in 30 s`,
    },
    {
      name: 'autoscaling: the metrics are away',
      holds: kept === 5,
      shown: `${reason}: ${kept} pods of 5 stay`,
    },
  ];
};

/** Less load: nothing for five minutes, then one pod a minute. */
export const scaleDown: Step = async ({ api, deployments, load }) => {
  const before = deployments.replicas('worker');
  load.level = quiet;
  const waits = await reasonOf(api, 'worker', /ScaleDownStabilized/);
  const stays = deployments.replicas('worker');
  // Five minutes would be the longest part of the run. The rule after them is the one of the chart.
  const patch = { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } } };
  await api.send('PATCH', pathOf('worker'), patch, 'application/merge-patch+json');
  await wants(deployments, 'worker', before - 1);
  const limit = await reasonOf(api, 'worker', /ScaleDownLimit/);
  const after = deployments.replicas('worker');
  return [
    {
      name: 'autoscaling: less load waits five minutes',
      holds: stays === before,
      shown: `${waits}: ${stays} of ${before} pods`,
    },
    {
      name: 'autoscaling: one pod a minute ends',
      holds: after === before - 1,
      shown: `${limit}: ${before} → ${after} pods, although 2 would do`,
    },
  ];
};
