import { eventually } from '#testkit/eventually.ts';
import { assertAccepted, type Api } from '../cluster/api.ts';
import { namespace, type Run, type Step } from '../run.ts';
import type { Verdict } from '../verdict.ts';

const pathOf = (pod: string): string => `/api/v1/namespaces/${namespace}/pods/${pod}`;

/** @returns the status of the API server: 201, or 429 if a budget forbids it */
const evict = async (api: Api, name: string): Promise<number> => {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  return (await api.send('POST', `${pathOf(name)}/eviction`, eviction)).status;
};

/** What a kubelet reports when the readiness probe fails. */
const failReadiness = async (api: Api, name: string): Promise<void> => {
  const status = { conditions: [{ type: 'Ready', status: 'False' }] };
  assertAccepted(
    await api.send('PATCH', `${pathOf(name)}/status`, { status }, 'application/strategic-merge-patch+json'),
  );
};

type Budget = { readonly status?: { readonly currentHealthy: number } };

const healthyPods = async (api: Api): Promise<number | undefined> => {
  const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/volwatch-api`;
  return (await api.get<Budget>(path)).status?.currentHealthy;
};

/** Waits for the replacement of evicted pods. @returns the names of the pods, all ready */
const readyAgain = async ({ pods, deployments }: Run, evicted: readonly string[]): Promise<readonly string[]> => {
  const names = (): string[] => pods.ready('api').map(({ metadata }) => metadata.name);
  const wanted = deployments.replicas('api');
  // The report of an eviction comes after its answer.
  const isReplaced = (): boolean => names().length === wanted && !names().some((name) => evicted.includes(name));
  await eventually(isReplaced, 'the pods of the API are ready', 60_000);
  return names();
};

/** A drain of two nodes at the same time. */
const oneAtATime = async (run: Run): Promise<Verdict> => {
  const { api, pods } = run;
  const [first, second, ...others] = await readyAgain(run, []);
  const statuses = [await evict(api, first!), await evict(api, second!)];
  const isAllowed = async (): Promise<boolean> => (await evict(api, second!)) === 201;
  await eventually(isAllowed, 'the budget allows the second eviction after the replacement', 60_000, 500);
  const readyThen = pods.ready('api').length;
  const wanted = 2 + others.length;
  await readyAgain(run, [first!, second!]);
  return {
    name: 'evictions: the budget allows one pod at a time',
    holds: statuses.join(' ') === '201 429' && readyThen >= wanted - 1,
    shown: `statuses ${statuses.join(' and ')}; the second was allowed after the replacement, with ${readyThen} of ${wanted} ready`,
  };
};

/** Two pods are not ready, so the budget is overdrawn. Without `AlwaysAllow` it would hold them on their nodes too. */
const notReady = async (run: Run): Promise<Verdict> => {
  const { api } = run;
  const [ready, ...others] = await readyAgain(run, []);
  const sick = others.slice(0, 2);
  for (const name of sick) await failReadiness(api, name);
  const left = 1 + others.length - sick.length;
  await eventually(async () => (await healthyPods(api)) === left, 'the budget counts the pods', 60_000);
  const ofReady = await evict(api, ready!);
  const ofSick = [await evict(api, sick[0]!), await evict(api, sick[1]!)];
  await readyAgain(run, sick);
  return {
    name: 'evictions: pods that are not ready keep no node from being drained',
    holds: ofReady === 429 && ofSick.join(' ') === '201 201',
    shown: `${left} of ${left + sick.length} pods ready: status ${ofReady} for a ready pod, ${ofSick.join(' and ')} for the others`,
  };
};

/** Evictions as a drain of nodes asks for them. */
export const disruption: Step = async (run) => [await oneAtATime(run), await notReady(run)];
