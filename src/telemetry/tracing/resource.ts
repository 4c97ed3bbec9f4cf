import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { containerDetector } from '@opentelemetry/resource-detector-container';
import {
  defaultResource,
  detectResources,
  hostDetector,
  osDetector,
  processDetector,
  resourceFromAttributes,
  type Resource,
  type ResourceDetector,
} from '@opentelemetry/resources';

/** Attributes that can hold secrets (`--password=...`) or the name of a person. */
const personalAttributes = new Set([
  'process.command_args',
  'process.command_line',
  'process.command',
  'process.owner',
]);

const cleanProcessDetector: ResourceDetector = {
  detect: (config) => {
    const { attributes = {} } = processDetector.detect(config);
    return {
      attributes: Object.fromEntries(Object.entries(attributes).filter(([name]) => !personalAttributes.has(name))),
    };
  },
};

const namespacePath = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

const readNamespace = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    // A pod without a service account has no such file.
    return undefined;
  }
};

/** Kubernetes gives a pod its name as host name, and its namespace in a file of its service account. */
export const createKubernetesDetector = (inCluster: boolean, path: string = namespacePath): ResourceDetector => ({
  detect: () => {
    if (!inCluster) return { attributes: {} };
    const namespace = readNamespace(path);
    return {
      attributes: { 'k8s.pod.name': hostname(), ...(namespace !== undefined && { 'k8s.namespace.name': namespace }) },
    };
  },
});

type DetectorName = 'env' | 'host' | 'os' | 'process' | 'serviceinstance' | 'container' | 'k8s' | 'all' | 'none';

type Detectors = Readonly<Partial<Record<DetectorName, readonly ResourceDetector[]>>>;
const detectorsOf = (inCluster: boolean): Detectors => ({
  // The specification gives `host` the attributes of the operating system too.
  host: [hostDetector, osDetector],
  os: [osDetector],
  process: [cleanProcessDetector],
  container: [containerDetector],
  k8s: [createKubernetesDetector(inCluster)],
});

export type ResourceOptions = {
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly instanceId: string;
  readonly inCluster: boolean;
  readonly detectors: readonly DetectorName[];
  /** OTEL_RESOURCE_ATTRIBUTES. They count more than detected ones. */
  readonly attributes: Readonly<Record<string, string>>;
};

/** The resource of all spans. */
export const createResource = (options: ResourceOptions): Resource => {
  const detectors = detectorsOf(options.inCluster);
  const names = options.detectors.includes('none') ? [] : options.detectors;
  const chosen = names.includes('all') ? Object.values(detectors) : names.map((name) => detectors[name] ?? []);
  return defaultResource()
    .merge(detectResources({ detectors: [...new Set(chosen.flat())] }))
    .merge(resourceFromAttributes({ 'service.version': options.serviceVersion }))
    .merge(resourceFromAttributes(options.attributes))
    .merge(resourceFromAttributes({ 'service.name': options.serviceName, 'service.instance.id': options.instanceId }));
};
