import { parseAllDocuments } from 'yaml';

type Variable = {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
};
type Probe = { readonly periodSeconds: number; readonly failureThreshold: number; readonly httpGet: { path: string } };

export type Container = {
  readonly image: string;
  readonly command?: readonly string[];
  readonly env?: readonly Variable[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly securityContext?: Readonly<Record<string, unknown>> & { readonly capabilities?: { drop?: string[] } };
  readonly resources?: { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> };
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
};

export type Pod = {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly terminationGracePeriodSeconds?: number;
    readonly automountServiceAccountToken?: boolean;
    readonly enableServiceLinks?: boolean;
    readonly securityContext?: Readonly<Record<string, unknown>>;
    readonly containers: readonly Container[];
  };
};

type Selector = { readonly matchLabels: Readonly<Record<string, string>> };

export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>> & {
    readonly template?: Pod;
    readonly podSelector?: Selector;
    readonly selector?: Selector;
  };
};

export const readManifests = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

/** Deployments and Jobs with their pods. */
export const workloadsOf = (manifests: readonly Manifest[]): { readonly name: string; readonly pod: Pod }[] =>
  manifests.flatMap((manifest) =>
    manifest.spec?.template === undefined ? [] : [{ name: nameOf(manifest), pod: manifest.spec.template }],
  );

const mapsOf = (container: Container, manifests: readonly Manifest[]): Manifest[] => {
  const named = new Set((container.envFrom ?? []).map(({ configMapRef }) => configMapRef?.name));
  return manifests.filter(({ kind, metadata }) => kind === 'ConfigMap' && named.has(metadata.name));
};

/** Variables of a ConfigMap of the container that its own variables replace. */
export const replacedVariables = (container: Container, manifests: readonly Manifest[]): string[] => {
  const own = new Set((container.env ?? []).map(({ name }) => name));
  return mapsOf(container, manifests).flatMap(({ data = {} }) => Object.keys(data).filter((name) => own.has(name)));
};

/** The variables that the container gets. A secret has the text `secret:KEY`. */
export const environmentOf = (container: Container, manifests: readonly Manifest[]): Record<string, string> => {
  const own = (container.env ?? []).map(({ name, value, valueFrom }) => [
    name,
    value ?? `secret:${valueFrom?.secretKeyRef?.key ?? ''}`,
  ]);
  return Object.assign({}, ...mapsOf(container, manifests).map(({ data }) => data), Object.fromEntries(own)) as Record<
    string,
    string
  >;
};
