import { honoured, protocol } from './honoured.ts';
import { metricAndLogVariables } from './metric-and-log-variables.ts';
import { attributes, flag, number, wholeNumber, word, words } from './parsers.ts';

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
/** Instrumentations of the bundle that can run here. The first three run by default. */
export const instrumentationNames = ['pg', 'ioredis', 'undici', 'dns', 'net'] as const;
export type InstrumentationName = (typeof instrumentationNames)[number];

const ownSpans = 'the service makes these spans itself';
const ownMetrics = '/metrics has these figures';
const refusedInstrumentations = {
  http: ownSpans,
  koa: ownSpans,
  router: ownSpans,
  pino: 'the logger writes trace ids itself',
  fs: 'its spans would hold paths of files',
  'runtime-node': ownMetrics,
  'host-metrics': ownMetrics,
};
const cloud = 'it asks a metadata service over the network at the start; use OTEL_RESOURCE_ATTRIBUTES';

/**
 * The standard variables that the service honours and that are ignored if they are invalid. The variables with an
 * address (`OTEL_EXPORTER_OTLP_ENDPOINT`) are declared in feature-variables.ts, because a wrong address stops the start.
 */
export const openTelemetryVariables = {
  OTEL_SDK_DISABLED: honoured(
    flag,
    'false',
    '`true`: no spans, and nothing over OTLP. `/metrics` and stdout stay; `TELEMETRY_ENABLED` stops metrics too',
  ),
  OTEL_LOG_LEVEL: honoured(
    word(['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all']),
    undefined,
    'Level of the messages of the SDK, which are lines of the log. Unset: only messages of the start, from `warn` on',
  ),
  OTEL_RESOURCE_ATTRIBUTES: honoured(
    attributes,
    undefined,
    'Attributes of the resource of all signals over OTLP, as `key=value` with commas. `service.name` counts if `OTEL_SERVICE_NAME` is unset; `service.instance.id` is the name of the instance in spans, log lines and `target_info`',
  ),
  OTEL_NODE_RESOURCE_DETECTORS: honoured(
    words(['env', 'host', 'os', 'process', 'serviceinstance', 'container', 'k8s', 'all', 'none'], {
      aws: cloud,
      azure: cloud,
      gcp: cloud,
      alibaba: cloud,
    }),
    'all',
    'Detectors of resource attributes. `k8s`: name of the pod (the host name) and namespace (of the service account). `env` and `serviceinstance` are always on. Arguments and owner of the process are left out',
  ),
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: honoured(
    words(instrumentationNames, refusedInstrumentations),
    'pg,ioredis,undici',
    'Instrumentations that run, and no others ([what each costs](observability.md#instrumentations))',
  ),
  OTEL_NODE_DISABLED_INSTRUMENTATIONS: honoured(
    words(instrumentationNames, refusedInstrumentations),
    undefined,
    'Instrumentations that do not run',
  ),
  OTEL_PROPAGATORS: honoured(
    words(['tracecontext', 'baggage', 'b3', 'b3multi', 'jaeger', 'none']),
    'tracecontext',
    'Headers of a request whose trace is continued. They are only read; no request of the service gets them. `baggage` is accepted and dropped, because nothing reads it. `b3` and `b3multi` both read both forms',
  ),
  OTEL_TRACES_SAMPLER: honoured(
    word(samplers, ' (samplers that ask a server are not supported)'),
    'always_on',
    'Sampler of traces, in any case. With `parentbased_` the flag of the `traceparent` of a caller decides in place of it, so use it behind a proxy that writes this header itself',
  ),
  OTEL_TRACES_SAMPLER_ARG: honoured(
    number(0, 1),
    '1',
    'Share of traces that a sampler with a ratio records, from 0 to 1, in any notation of a number',
  ),
  OTEL_TRACES_EXPORTER: honoured(
    words(['otlp', 'console', 'none'], { zipkin: 'use the Collector', jaeger: 'use otlp, which Jaeger accepts' }),
    undefined,
    'Exporters of spans, with commas. `console` writes one JSON line a span to stdout. Unset: `otlp` if an endpoint is set, else `none`; the default of the specification would send to a port that nobody listens on',
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: honoured(
    protocol,
    'http/protobuf',
    'Protocol of OTLP: `grpc`, `http/protobuf`, `http/json`',
  ),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: honoured(protocol, undefined, 'The same for traces alone'),
  OTEL_BSP_SCHEDULE_DELAY: honoured(
    wholeNumber(1),
    '1000',
    'Max milliseconds until a span is sent. The default of the specification, 5000, would lose more at a crash',
  ),
  OTEL_BSP_EXPORT_TIMEOUT: honoured(wholeNumber(1), '30000', 'Max milliseconds for the export of one batch'),
  OTEL_BSP_MAX_QUEUE_SIZE: honoured(
    wholeNumber(1, 1_000_000),
    '2048',
    'Max spans that wait. More are dropped and counted (`queue_full`)',
  ),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: honoured(
    wholeNumber(1, 1_000_000),
    '512',
    'Max spans of one batch, which is sent in parts of 128. At most OTEL_BSP_MAX_QUEUE_SIZE',
  ),
  OTEL_ATTRIBUTE_COUNT_LIMIT: honoured(
    wholeNumber(0),
    undefined,
    'Max attributes of a span, event, link or log line, unless the next variables say otherwise',
  ),
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: honoured(
    wholeNumber(0),
    undefined,
    'Max characters of a text attribute. Unset: no limit for spans; statements of SQL have at most 2,048 characters',
  ),
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: honoured(wholeNumber(0), '64', 'Max attributes of a span'),
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: honoured(
    wholeNumber(0),
    undefined,
    'Max characters of a text attribute of a span',
  ),
  OTEL_SPAN_EVENT_COUNT_LIMIT: honoured(wholeNumber(0), '32', 'Max events of a span'),
  OTEL_SPAN_LINK_COUNT_LIMIT: honoured(wholeNumber(0), '32', 'Max links of a span'),
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: honoured(wholeNumber(0), '128', 'Max attributes of an event'),
  OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: honoured(wholeNumber(0), '128', 'Max attributes of a link'),
  ...metricAndLogVariables,
} as const;

const signals = { TRACES: 'traces', METRICS: 'metrics', LOGS: 'log lines' } as const;

/** Variables that the OTLP exporter reads itself. Each has a form for each signal, which counts more. */
const otlpVariables: Readonly<Record<string, string>> = {
  OTEL_EXPORTER_OTLP_HEADERS: 'Headers of each export, as `key=value` with commas, percent-encoded. Secret',
  OTEL_EXPORTER_OTLP_TIMEOUT: 'Max milliseconds for one export, with its retries. Default 10000',
  OTEL_EXPORTER_OTLP_COMPRESSION: '`gzip` or `none`. Default `none`',
  OTEL_EXPORTER_OTLP_CERTIFICATE: 'File with the certificates of the authorities that the receiver is checked with',
  OTEL_EXPORTER_OTLP_CLIENT_KEY: 'File with the key of the client certificate',
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'File with the client certificate',
  OTEL_EXPORTER_OTLP_INSECURE:
    'Only for `grpc` and an endpoint without a scheme, which is refused here; so the scheme of the endpoint decides',
};
export const exporterVariables: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(otlpVariables).flatMap(([name, help]) => [
    [name, help],
    ...Object.entries(signals).map(([signal, title]) => [
      name.replace('OTLP_', `OTLP_${signal}_`),
      `The same for ${title} alone`,
    ]),
  ]),
);
