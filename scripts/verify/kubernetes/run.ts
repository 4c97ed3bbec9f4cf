import { chart } from '../../check/chart/settings.ts';
import { accepted, type Api } from './cluster/api.ts';
import type { Cluster } from './cluster/cluster.ts';
import { followDeployments, followJobs, type Deployments, type Jobs } from './cluster/followed.ts';
import { createHelm, type Helm } from './cluster/helm.ts';
import { followPods, type Pods } from './cluster/pods.ts';
import { quiet, type Level } from './metrics/levels.ts';
import type { Verdict } from './verdict.ts';

/** What the steps share. Each step begins where the one before it has ended. */
export type Run = {
  readonly cluster: Cluster;
  readonly api: Api;
  readonly helm: Helm;
  readonly pods: Pods;
  readonly jobs: Jobs;
  readonly deployments: Deployments;
  /** What the simulated pods report. `undefined`: nothing reports. */
  readonly load: { level: Level; metricsAway: boolean };
};
export type Step = (run: Run) => Promise<readonly Verdict[]>;

export const namespace = 'volwatch';

/** A namespace that refuses every pod that does not meet the restricted standard, with the Secrets of the documentation. */
export const createNamespace = async (api: Api, name: string): Promise<void> => {
  const standard = 'pod-security.kubernetes.io';
  const labels = { [`${standard}/enforce`]: 'restricted', [`${standard}/warn`]: 'restricted' };
  accepted(await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, ''));
  // No kubelet reads the values.
  for (const secret of ['volwatch', 'volwatch-owner']) {
    accepted(await api.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret }, data: {} }, name));
  }
};

export const startRun = async (cluster: Cluster): Promise<Run> => {
  const { api, scope } = cluster;
  await createNamespace(api, namespace);
  return {
    cluster,
    api,
    helm: createHelm(cluster),
    pods: await followPods(scope, api, namespace),
    jobs: await followJobs(scope, api, namespace),
    deployments: await followDeployments(scope, api, namespace),
    load: { level: quiet, metricsAway: false },
  };
};

const releaseOptions = [
  ['--namespace', namespace, '--timeout', '120s'],
  ['--set', 'autoscaling.metrics=prometheus-adapter,monitoring.adapterRules.enabled=true'],
  ['--set', 'migration.secretName=volwatch-owner,migration.serviceRole=volwatch_service'],
].flat();

/** Installs or upgrades the release of the run, with the metrics of the service as signals of the autoscalers. */
export const upgrade = (helm: Helm, tag: string, ...args: readonly string[]) =>
  helm('upgrade', '--install', 'volwatch', chart, '--set', `image.tag=${tag}`, ...releaseOptions, ...args);
