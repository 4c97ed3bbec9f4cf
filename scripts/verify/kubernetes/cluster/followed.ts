import type { Scope } from '#testkit/scope.ts';
import type { Api, Stored } from './api.ts';
import type { Role } from './pods.ts';

type Conditions = { readonly conditions?: readonly { type: string; status: string; reason?: string }[] };
type Deployment = Stored & { readonly spec: { readonly replicas: number } };
type Job = Stored & { readonly status?: Conditions };

/** A wanted number of pods, and when it was set. */
type Wanted = { readonly replicas: number; readonly at: number };

export type Jobs = {
  /** Version of the change that completed each Job, in order. */
  readonly completed: readonly number[];
  /** Why each failed Job failed. */
  readonly failed: readonly string[];
};

/** Follows the ends of Jobs, because Helm deletes a Job right after it. */
export const followJobs = async (scope: Scope, api: Api, namespace: string): Promise<Jobs> => {
  const [completed, failed]: [number[], string[]] = [[], []];
  const ended = new Set<string>();
  await api.watch<Job>(scope, `/apis/batch/v1/namespaces/${namespace}/jobs`, ({ object: { metadata, status } }) => {
    const end = status?.conditions?.find(
      ({ type, status: value }) => /^(Complete|Failed)$/.test(type) && value === 'True',
    );
    if (end === undefined || ended.has(metadata.uid)) return;
    ended.add(metadata.uid);
    if (end.type === 'Complete') completed.push(Number(metadata.resourceVersion));
    else failed.push(end.reason ?? 'without a reason');
  });
  return { completed, failed };
};

export type Deployments = {
  readonly wanted: (role: Role) => readonly Wanted[];
  readonly replicas: (role: Role) => number;
  readonly generation: (role: Role) => number;
};

/** Follows the wanted number of pods of each role. */
export const followDeployments = async (scope: Scope, api: Api, namespace: string): Promise<Deployments> => {
  const paths = new Map<string, Wanted[]>();
  const generations = new Map<string, number>();
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await api.watch<Deployment>(scope, path, ({ object: { metadata, spec } }) => {
    const role = metadata.name.replace('volwatch-', '');
    const wanted = paths.get(role) ?? [];
    if (wanted.at(-1)?.replicas !== spec.replicas) wanted.push({ replicas: spec.replicas, at: Date.now() });
    paths.set(role, wanted);
    generations.set(role, metadata.generation ?? 0);
  });
  return {
    wanted: (role) => paths.get(role) ?? [],
    replicas: (role) => paths.get(role)?.at(-1)?.replicas ?? 0,
    generation: (role) => generations.get(role) ?? 0,
  };
};
