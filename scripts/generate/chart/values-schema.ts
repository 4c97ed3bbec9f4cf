import { configVariables } from '#src/config/variables.ts';
import { exporterVariables, openTelemetryVariables } from '#src/config/opentelemetry/opentelemetry-variables.ts';

type Schema = Readonly<Record<string, unknown>>;

/** An object that has no other properties than these. */
const closed = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(required.length > 0 && { required }),
});
const anyOf = (type: string): Schema => ({ type });
const text = anyOf('string');
const name: Schema = { type: 'string', minLength: 1 };
const flag = anyOf('boolean');
const anyObject = anyOf('object');
const anyList = anyOf('array');
const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const texts: Schema = { type: 'object', additionalProperties: text };
const url: Schema = { type: 'string', pattern: '^https?://' };
const port = whole(1, 65_535);
/** 1 s to 15 s. The window of the alerts is 30 s (`steady` in the generator of the alerts), and must contain two scrapes. */
const scrapeInterval: Schema = { type: 'string', pattern: '^([1-9]|1[0-5])s$' };

/** These follow from other values of the chart, so that they cannot contradict the manifests. */
const setByChart = new Set([
  'NODE_ENV',
  'ROLE',
  'HOST',
  'PORT',
  'METRICS_PORT',
  'DATABASE_MIGRATE',
  'SHUTDOWN_DRAIN_MS',
  'SHUTDOWN_GRACE_MS',
  'SHUTDOWN_REFRESH_GRACE_MS',
]);
/** Variables of Node and of the C library, not of the service. */
const ofRuntime = ['NODE_OPTIONS', 'UV_THREADPOOL_SIZE', 'NO_PROXY', 'HTTPS_PROXY'];

const secretNames = Object.entries(configVariables).flatMap(([variable, { secret }]) => (secret ? [variable] : []));
/** The headers of exporters contain the credentials of the trace store. */
const secretOfExporters = Object.keys({ ...exporterVariables, ...openTelemetryVariables }).filter((variable) =>
  variable.endsWith('_HEADERS'),
);
const secrets = [...new Set([...secretNames, ...secretOfExporters])].sort();
const plain = [
  ...new Set([
    ...Object.keys(configVariables),
    ...Object.keys(openTelemetryVariables),
    ...Object.keys(exporterVariables),
    ...ofRuntime,
  ]),
]
  .filter((variable) => !secrets.includes(variable) && !setByChart.has(variable))
  .sort();

/** An object with optional properties of these names, each with the definition `kind`. */
const named = (names: readonly string[], kind: string): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(names.map((each) => [each, { $ref: `#/definitions/${kind}` }])),
});
const config: Schema = { $ref: '#/definitions/config' };
const resources = closed({ requests: texts, limits: texts }, ['requests', 'limits']);

/** @param metric name of the threshold of the role's own metric */
const role = (metric: string): Schema =>
  closed({
    replicas: whole(1, 1_000),
    autoscaling: closed({
      enabled: flag,
      min: whole(1, 1_000),
      max: whole(1, 1_000),
      cpuPercent: whole(1, 100),
      [metric]: whole(1, 100_000),
    }),
    resources,
    config,
    podAnnotations: texts,
    nodeSelector: texts,
    tolerations: anyList,
    affinity: anyObject,
  });

const schema: Schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $comment: 'Generated from scripts/generate/chart/values-schema.ts by `npm run generate`: do not edit.',
  definitions: {
    value: { type: ['string', 'integer', 'boolean'] },
    key: { type: ['string', 'null'] },
    config: named(plain, 'value'),
  },
  ...closed({
    global: anyObject,
    image: closed({
      repository: name,
      tag: { type: 'string', not: { const: 'latest' } },
      digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
      pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
    }),
    imagePullSecrets: anyList,
    config,
    secret: closed({
      name,
      keys: {
        ...named(secrets, 'key'),
        required: ['DATABASE_URL', 'JWT_PRIVATE_KEY'],
      },
    }),
    caCertificates: closed({ configMap: text, key: name }),
    shutdown: closed({
      // The readiness probe needs 4 s to fail twice, and proxies need time to read the change.
      drainMs: whole(5_000, 600_000),
      graceMs: whole(1, 600_000),
      refreshGraceMs: whole(0, 600_000),
      closeMs: whole(5_000, 600_000),
    }),
    migration: closed({
      enabled: flag,
      secretName: text,
      key: name,
      // PostgreSQL cuts longer names off.
      serviceRole: { type: 'string', maxLength: 63 },
      timeoutSeconds: whole(1, 86_400),
      resources,
    }),
    api: role('eventLoopLagMs'),
    worker: role('waitingJobs'),
    autoscaling: closed({ metrics: { enum: ['cpu', 'prometheus-adapter', 'keda'] }, prometheusUrl: url }),
    service: closed({
      type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
      port,
      annotations: texts,
    }),
    ingress: closed({ enabled: flag, className: text, annotations: texts, host: name, tlsSecretName: text }),
    networkPolicy: closed({
      enabled: flag,
      apiFrom: anyList,
      metricsFrom: anyList,
      dependencyPorts: { type: 'array', items: port, minItems: 1 },
      dependencyTo: anyList,
      internetPorts: { type: 'array', items: port },
    }),
    monitoring: closed({
      serviceMonitor: closed({ enabled: flag, interval: scrapeInterval, labels: texts }),
      prometheusRule: closed({ enabled: flag, labels: texts }),
      dashboards: closed({ enabled: flag, labels: texts }),
      adapterRules: closed({ enabled: flag }),
      grafanaUrl: url,
      runbookUrl: url,
    }),
  }),
};

/** The schema of the values of the chart, with the variables of the service as the only names of its configuration. */
export const valuesSchema = (): string => `${JSON.stringify(schema, null, 2)}\n`;
