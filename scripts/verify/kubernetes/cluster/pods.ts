import { eventually } from '#testkit/eventually.ts';
import type { Scope } from '#testkit/scope.ts';
import type { Api, Change, Stored } from './api.ts';

export type Pod = Stored & {
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly { readonly image: string }[];
    readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
};
export const roles = ['api', 'worker'] as const;
export type Role = (typeof roles)[number];

const component = 'app.kubernetes.io/component';
/** A pod that is not about to end. */
const isLive = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status.phase !== 'Failed' && status.phase !== 'Succeeded';
const isReady = (pod: Pod): boolean =>
  isLive(pod) && pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
export const tagOf = ({ spec }: Pod): string => spec.containers[0]!.image.split(':').at(-1)!;

/** The extremes of one role since the begin of a record, from each single change. */
export type Extremes = { readonly minReady: number; readonly maxLive: number; readonly firstNew: number };

export type Pods = {
  /** Pods of a role that are not about to end. */
  readonly live: (role: string) => readonly Pod[];
  readonly ready: (role: string) => readonly Pod[];
  /** Records until the returned function is called. `firstNew` is the version of the first change with a new image. */
  readonly record: (newTag?: string) => () => Readonly<Record<Role, Extremes>>;
  /** Waits until so many pods with the tag are ready, and no others are live. */
  readonly settled: (counts: Readonly<Record<Role, number>>, tag: string, timeoutMs?: number) => Promise<void>;
};

/** Follows the pods of a namespace. */
export const followPods = async (scope: Scope, api: Api, namespace: string): Promise<Pods> => {
  const byName = new Map<string, Pod>();
  const listeners = new Set<(change: Change<Pod>) => void>();
  const ofRole = (role: string): Pod[] =>
    [...byName.values()].filter((pod) => pod.metadata.labels?.[component] === role && isLive(pod));
  const ready = (role: string): Pod[] => ofRole(role).filter(isReady);
  await api.watch<Pod>(scope, `/api/v1/namespaces/${namespace}/pods`, (change) => {
    if (change.type === 'DELETED') byName.delete(change.object.metadata.name);
    else byName.set(change.object.metadata.name, change.object);
    for (const listener of listeners) listener(change);
  });
  return {
    live: ofRole,
    ready,
    record: (newTag) => {
      const extremes = new Map<Role, Extremes>(
        roles.map((role) => [role, { minReady: ready(role).length, maxLive: ofRole(role).length, firstNew: Infinity }]),
      );
      const listener = ({ object }: Change<Pod>): void => {
        for (const role of roles) {
          const { minReady, maxLive, firstNew } = extremes.get(role)!;
          const isNew = object.metadata.labels?.[component] === role && tagOf(object) === newTag;
          extremes.set(role, {
            minReady: Math.min(minReady, ready(role).length),
            maxLive: Math.max(maxLive, ofRole(role).length),
            firstNew: isNew ? Math.min(firstNew, Number(object.metadata.resourceVersion)) : firstNew,
          });
        }
      };
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        return Object.fromEntries(extremes) as Record<Role, Extremes>;
      };
    },
    settled: (counts, tag, timeoutMs = 120_000) =>
      eventually(
        () =>
          roles.every((role) => {
            const good = ready(role).filter((pod) => tagOf(pod) === tag).length;
            return good === counts[role] && ofRole(role).length === good;
          }),
        () =>
          `${JSON.stringify(counts)} pods of ${tag}: ${roles.map((role) => `${role} ${ready(role).length} ready of ${ofRole(role).length}`).join(', ')}`,
        timeoutMs,
        100,
      ),
  };
};
