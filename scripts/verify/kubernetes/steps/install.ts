import { succeeded } from '../cluster/helm.ts';
import { roles } from '../cluster/pods.ts';
import { upgrade, type Step } from '../run.ts';

export const firstTag = '0.1.0';

/** The first install: the migration, then the pods, then the smallest number that the autoscalers allow. */
export const install: Step = async ({ helm, pods, jobs, deployments }) => {
  const record = pods.record(firstTag);
  succeeded(await upgrade(helm, firstTag));
  await pods.settled({ api: 2, worker: 2 }, firstTag);
  const seen = record();
  const firstPod = Math.min(...roles.map((role) => seen[role].firstNew));
  const withToken = roles.flatMap((role) => pods.ready(role)).filter(({ spec }) => spec.volumes !== undefined).length;
  const paths = roles.map((role) => deployments.wanted(role).map(({ replicas }) => replicas));
  return [
    {
      name: 'install: the migration ends before the first pod',
      holds: jobs.completed.length === 1 && jobs.completed[0]! < firstPod,
      shown: `the Job completed in revision ${jobs.completed[0]}, the first pod is of revision ${firstPod}`,
    },
    {
      name: 'install: the smallest number of pods',
      holds: paths.every((path) => path.at(-1) === 2),
      shown: roles.map((role, index) => `${role} ${paths[index]!.join(' → ')}`).join(', '),
    },
    {
      name: 'the pods have no token of their ServiceAccount',
      holds: withToken === 0,
      shown: `${withToken} pods have a volume; the admission of ServiceAccounts adds one unless the chart forbids it`,
    },
  ];
};
