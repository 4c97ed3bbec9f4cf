import { nodeCount } from '../cluster/cluster.ts';
import { succeeded, type Helm } from '../cluster/helm.ts';
import { zoneCount } from '../cluster/nodes.ts';
import { roles, type Pods, type Role } from '../cluster/pods.ts';
import { upgrade, type Step } from '../run.ts';
import { secondTag } from './rollout.ts';

const wanted = { api: 150, worker: 50 } as const;

/** Difference between the most and the fewest pods of a role in a place. */
const skew = (pods: Pods, role: Role, places: number, placeOf: (node: number) => number): number => {
  const counts = Array.from({ length: places }, () => 0);
  for (const { spec } of pods.ready(role)) {
    const place = placeOf(Number(spec.nodeName!.replace('node-', '')));
    counts[place] = counts[place]! + 1;
  }
  return Math.max(...counts) - Math.min(...counts);
};

/** Without autoscalers. Each owned the number of its pods, so Helm has to take it over. */
const fixNumbers = async (helm: Helm, counts: Readonly<Record<Role, number>>): Promise<void> => {
  const fixed = roles.map((role) => `${role}.autoscaling.enabled=false,${role}.replicas=${counts[role]}`).join(',');
  succeeded(await upgrade(helm, secondTag, '--set', fixed, '--force-conflicts'));
};

/** 200 pods on 50 nodes in five zones. */
export const spread: Step = async ({ helm, pods, deployments }) => {
  // Helm deletes an autoscaler after it has changed the Deployment, so meanwhile the autoscaler would enforce its max.
  await fixNumbers(helm, { api: deployments.replicas('api'), worker: deployments.replicas('worker') });
  const began = performance.now();
  await fixNumbers(helm, wanted);
  await pods.settled(wanted, secondTag, 180_000);
  const seconds = Math.round((performance.now() - began) / 1_000);
  const skews = roles.flatMap((role) => [
    { place: `${role} by zone`, skew: skew(pods, role, zoneCount, (node) => node % zoneCount) },
    { place: `${role} by node`, skew: skew(pods, role, nodeCount, (node) => node) },
  ]);
  return [
    {
      name: `${wanted.api + wanted.worker} pods on ${nodeCount} nodes in ${zoneCount} zones`,
      // The skew that the chart asks for. The scheduler may exceed it only if the nodes have no room.
      holds: skews.every((each) => each.skew <= 1),
      shown: `all ready after ${seconds} s; skew ${skews.map((each) => `${each.place} ${each.skew}`).join(', ')}`,
    },
  ];
};
