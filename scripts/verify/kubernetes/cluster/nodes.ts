import { eventually } from '#testkit/eventually.ts';
import { assertAccepted, type Api, type Stored } from './api.ts';

type Node = Stored & { readonly status: { readonly conditions?: readonly { type: string; status: string }[] } };

/** 50 nodes in five zones, so that 200 pods can be spread without a remainder. */
export const zoneCount = 5;

/** Registers nodes as kubelets do. kwok then reports them as ready. */
export const createNodes = async (api: Api, count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    const name = `node-${index}`;
    const size = { cpu: '8', memory: '32Gi', pods: '110' };
    assertAccepted(
      await api.send('POST', '/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name,
          labels: {
            'kubernetes.io/hostname': name,
            'kubernetes.io/os': 'linux',
            'topology.kubernetes.io/zone': `zone-${index % zoneCount}`,
          },
        },
        status: { allocatable: size, capacity: size },
      }),
    );
  }
  const readyNodes = async (): Promise<number> => {
    const { items } = await api.get<{ items: readonly Node[] }>('/api/v1/nodes');
    return items.filter(({ status }) =>
      status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    ).length;
  };
  await eventually(async () => (await readyNodes()) === count, `${count} nodes are ready`, 60_000, 500);
};
