import { eventually } from '#testkit/eventually.ts';
import type { Api } from '../cluster/api.ts';
import { namespace, type Step } from '../run.ts';

/** @returns the status of the API server: 201, or 429 if a budget forbids it */
export const evict = async (api: Api, name: string): Promise<number> => {
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
  return (await api.send('POST', path, eviction)).status;
};

/** Evictions as a drain of nodes asks for them. */
export const disruption: Step = async ({ api, pods, deployments }) => {
  const wanted = deployments.replicas('api');
  await eventually(() => pods.ready('api').length === wanted, 'the pods of the API are ready', 60_000);
  const [first, second] = pods.ready('api').map(({ metadata }) => metadata.name);
  const statuses = [await evict(api, first!), await evict(api, second!)];
  const isAllowed = async (): Promise<boolean> => (await evict(api, second!)) === 201;
  await eventually(isAllowed, 'the budget allows the second eviction after the replacement', 60_000, 500);
  const readyThen = pods.ready('api').length;
  await eventually(() => pods.ready('api').length === wanted, 'all pods are ready again', 60_000);
  return [
    {
      name: 'evictions: the budget allows one pod at a time',
      holds: statuses.join(' ') === '201 429' && readyThen >= wanted - 1,
      shown: `statuses ${statuses.join(' and ')}; the second was allowed after the replacement, with ${readyThen} of ${wanted} ready`,
    },
  ];
};
