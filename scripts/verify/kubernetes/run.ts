import { chart } from '../../check/chart/settings.ts';
import { assertAccepted, type Api } from './cluster/api.ts';
import type { Cluster } from './cluster/cluster.ts';
import { followDeployments, followJobs, type Deployments, type Jobs } from './cluster/followed.ts';
import { createHelm, type Helm } from './cluster/helm.ts';
import { followPods, type Pods } from './cluster/pods.ts';
import { quiet, type Level } from './metrics/levels.ts';
import type { Verdict } from './verdict.ts';

/**
 * The cluster of one run, its release, and the load that its simulated pods report. The steps run in order: a step finds the
 * objects, the number of pods and the load that the one before it has left.
 */
export type Run = {
  readonly cluster: Cluster;
  readonly api: Api;
  readonly helm: Helm;
  readonly pods: Pods;
  readonly jobs: Jobs;
  readonly deployments: Deployments;
  /** The load that the simulated pods report. The steps change it, and the next scrape or request reads the new values. */
  readonly load: {
    level: Level;
    /** Whether the metrics APIs, which the autoscalers read, answer 503. Prometheus still scrapes the pods. */
    isMetricsApiDown: boolean;
  };
};
export type Step = (run: Run) => Promise<readonly Verdict[]>;

export const namespace = 'volwatch';

/**
 * Creates a namespace that refuses every pod that does not meet the restricted standard, with the two Secrets that
 * docs/deployment.md names.
 * @throws Error if the API server refuses one of them
 */
export const createNamespace = async (api: Api, name: string): Promise<void> => {
  const standard = 'pod-security.kubernetes.io';
  const labels = { [`${standard}/enforce`]: 'restricted', [`${standard}/warn`]: 'restricted' };
  assertAccepted(await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, ''));
  // The Secrets are empty, because the cluster is simulated and no pod starts.
  for (const secret of ['volwatch', 'volwatch-owner']) {
    assertAccepted(await api.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret }, data: {} }, name));
  }
};

/** Creates the namespace of the release, and follows its pods, Jobs and Deployments until the scope of the cluster ends. */
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
    load: { level: quiet, isMetricsApiDown: false },
  };
};

const releaseOptions = [
  // Helm waits for the Job of the migration, which a simulated node ends within seconds. The default of 5 min would be more
  // than the 180 s after which this program ends Helm, and the message of Helm would be lost.
  ['--namespace', namespace, '--timeout', '120s'],
  ['--set', 'autoscaling.metrics=prometheus-adapter,monitoring.adapterRules.enabled=true'],
  ['--set', 'migration.secretName=volwatch-owner,migration.serviceRole=volwatch_service'],
].flat();

/** Installs or upgrades the release of the run, with the metrics of the service as signals of the autoscalers. */
export const upgrade = (helm: Helm, tag: string, ...args: readonly string[]) =>
  helm('upgrade', '--install', 'volwatch', chart, '--set', `image.tag=${tag}`, ...releaseOptions, ...args);
