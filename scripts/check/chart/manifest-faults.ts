import { generateKeyPairSync } from 'node:crypto';
import { ConfigError, loadConfig } from '#src/config/config.ts';
import {
  environmentOf,
  nameOf,
  replacedVariables,
  workloadsOf,
  type Container,
  type Manifest,
  type Pod,
} from './manifest.ts';

type Facts = Readonly<Record<string, boolean>>;
const faultsOf = (name: string, facts: Facts): string[] =>
  Object.entries(facts).flatMap(([fact, holds]) => (holds ? [] : [`${name}: ${fact}`]));

const hasEntries = (object: object | undefined, wanted: Readonly<Record<string, unknown>>): boolean =>
  Object.entries(wanted).every(
    ([key, value]) => JSON.stringify((object as Record<string, unknown> | undefined)?.[key]) === JSON.stringify(value),
  );

const restrictedFacts = ({ spec }: Pod, container: Container): Facts => ({
  'no token of a ServiceAccount': spec.automountServiceAccountToken === false,
  'no variables of other services': spec.enableServiceLinks === false,
  'the pod is not root and has the default seccomp profile': hasEntries(spec.securityContext, {
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
  }),
  'the container has no privileges and a read-only root': hasEntries(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  }),
  'the image has an exact tag or a digest': /:\d+\.\d+\.\d+(-[\w.]+)?$|@sha256:[0-9a-f]{64}$/.test(container.image),
  'the container has requests and a limit of memory':
    container.resources?.requests?.['cpu'] !== undefined &&
    container.resources.requests['memory'] !== undefined &&
    container.resources.limits?.['memory'] !== undefined,
});

const probeFacts = ({ readinessProbe, livenessProbe, startupProbe }: Container, drainMs: number): Facts => ({
  'liveness and startup do not depend on the database':
    livenessProbe?.httpGet.path === '/health/live' && startupProbe?.httpGet.path === '/health/live',
  'readiness does not depend on what all pods share': readinessProbe?.httpGet.path === '/health/serving',
  'readiness fails before the drain ends':
    readinessProbe !== undefined && readinessProbe.periodSeconds * readinessProbe.failureThreshold * 1_000 < drainMs,
});

/** A secret of the right form for each variable, because the loader reads them. */
const readableSecrets = (): Readonly<Record<string, string>> => ({
  DATABASE_URL: 'postgres://volwatch:secret@db.example.com:5432/volwatch?sslmode=verify-full',
  REDIS_URL: 'rediss://default:secret@redis.example.com:6379',
  JWT_PRIVATE_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  API_KEY_SECRET: 'a'.repeat(32),
  WEBHOOK_SECRET: 'a'.repeat(32),
});

/** The service itself must accept the variables that the pod gets. */
const configurationFaults = (name: string, environment: Readonly<Record<string, string>>): string[] => {
  const secrets = readableSecrets();
  const filled = Object.fromEntries(
    Object.entries(environment).map(([variable, value]) => [
      variable,
      value.startsWith('secret:') ? (secrets[variable] ?? '') : value,
    ]),
  );
  try {
    loadConfig(filled);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((fault) => `${name}: ${fault}`);
  }
};

const workloadFaults = (manifests: readonly Manifest[]): string[] =>
  workloadsOf(manifests).flatMap(({ name, pod }) =>
    pod.spec.containers.flatMap((container) => {
      const environment = environmentOf(container, manifests);
      const ofStop = ['SHUTDOWN_DRAIN_MS', 'SHUTDOWN_GRACE_MS'].map((variable) => Number(environment[variable]));
      const isServer = container.command === undefined;
      return [
        ...faultsOf(name, restrictedFacts(pod, container)),
        ...configurationFaults(name, environment),
        ...(isServer ? faultsOf(name, probeFacts(container, ofStop[0]!)) : []),
        ...replacedVariables(container, manifests).map(
          (variable) => `${name}: env replaces ${variable} of the ConfigMap`,
        ),
        ...faultsOf(name, {
          'the schema is changed by the Job only': environment['DATABASE_MIGRATE'] === 'false',
          'the kubelet waits for the whole stop':
            !isServer || (pod.spec.terminationGracePeriodSeconds ?? 0) * 1_000 >= ofStop[0]! + ofStop[1]! + 5_000,
        }),
      ];
    }),
  );

const selects = (selector: Readonly<Record<string, string>>, pod: Pod): boolean =>
  Object.entries(selector).every(([label, value]) => pod.metadata.labels[label] === value);

/** Each Deployment needs a budget of disruptions, and each selector must find a pod. */
const selectorFaults = (manifests: readonly Manifest[]): string[] => {
  const workloads = workloadsOf(manifests);
  const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
  const selectors = manifests
    .filter(({ kind }) => kind !== 'ServiceMonitor')
    .flatMap((manifest) => {
      const selector = manifest.spec?.podSelector ?? manifest.spec?.selector;
      if (selector === undefined) return [];
      const labels = selector.matchLabels ?? (selector as unknown as Record<string, string>);
      return [{ name: nameOf(manifest), labels }];
    });
  return [
    ...selectors
      .filter(({ labels }) => !workloads.some(({ pod }) => selects(labels, pod)))
      .map(({ name }) => `${name}: its selector finds no pod`),
    ...workloads
      .filter(({ name }) => name.startsWith('Deployment'))
      .filter(({ pod }) => !budgets.some(({ spec }) => selects(spec!.selector!.matchLabels, pod)))
      .map(({ name }) => `${name}: no PodDisruptionBudget covers it`),
  ];
};

type Behavior = { readonly scaleDown?: { readonly stabilizationWindowSeconds?: number; readonly policies?: unknown } };
type ScalerSpec = {
  readonly behavior?: Behavior;
  readonly advanced?: { readonly horizontalPodAutoscalerConfig?: { readonly behavior?: Behavior } };
};

/** Each pod that ends drains its connections, so an autoscaler of either kind must end them one by one. */
const scalerFaults = (manifests: readonly Manifest[]): string[] =>
  manifests
    .filter(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
    .flatMap((manifest) => {
      const { behavior, advanced } = manifest.spec as ScalerSpec;
      const scaleDown = (behavior ?? advanced?.horizontalPodAutoscalerConfig?.behavior)?.scaleDown;
      return faultsOf(nameOf(manifest), {
        'one pod ends at a time': hasEntries(scaleDown, {
          stabilizationWindowSeconds: 300,
          policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
        }),
      });
    });

/** What the schemas of Kubernetes allow but this service must not have. */
export const manifestFaults = (manifests: readonly Manifest[]): string[] => [
  ...manifests
    .filter(({ kind }) => kind === 'Secret')
    .map((manifest) => `${nameOf(manifest)}: the chart must not create secrets`),
  ...workloadFaults(manifests),
  ...selectorFaults(manifests),
  ...scalerFaults(manifests),
];
