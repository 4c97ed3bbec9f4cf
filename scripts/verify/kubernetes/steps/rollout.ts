import { succeeded } from '../cluster/helm.ts';
import { roles, type Extremes, type Role } from '../cluster/pods.ts';
import { upgrade, type Step } from '../run.ts';
import type { Verdict } from '../verdict.ts';
import { scaledUp } from './autoscaling.ts';

export const secondTag = '0.1.1';

/** Whether the ready pods never fell below the wanted number, with one pod more at most. */
export const replacementVerdict = (name: string, seen: Readonly<Record<Role, Extremes>>): Verdict => ({
  name,
  holds: roles.every((role) => seen[role].minReady >= scaledUp[role] && seen[role].maxLive <= scaledUp[role] + 1),
  shown: roles
    .map((role) => `${role}: ${seen[role].minReady} to ${seen[role].maxLive} pods, ${scaledUp[role]} wanted`)
    .join('; '),
});

/** An upgrade to another image while the autoscalers want more pods than at the install. */
export const rollout: Step = async ({ helm, pods, jobs }) => {
  const record = pods.record(secondTag);
  const began = performance.now();
  succeeded(await upgrade(helm, secondTag));
  await pods.settled(scaledUp, secondTag);
  const seconds = Math.round((performance.now() - began) / 1_000);
  const seen = record();
  const firstPod = Math.min(...roles.map((role) => seen[role].firstNew));
  const migrated = jobs.completed.at(-1)!;
  return [
    {
      name: 'upgrade: the migration ends before the first new pod',
      holds: jobs.completed.length === 2 && migrated < firstPod,
      shown: `the Job completed in revision ${migrated}, the first new pod is of revision ${firstPod}`,
    },
    replacementVerdict(`upgrade: one pod of each role at a time (${seconds} s)`, seen),
  ];
};
