import type { InstrumentationConfigMap } from '@opentelemetry/auto-instrumentations-node';
import { instrumentationNames, type InstrumentationName, type OpenTelemetrySettings } from '../../config/index.ts';

/**
 * Disabled by name, because the bundle enables every instrumentation by default. Our own middleware replaces http and
 * koa (decision 0001), the logger replaces pino and the metrics registry replaces runtime-node (decision 0010). The
 * other libraries are not used here.
 */
const off = [
  'amqplib',
  'aws-lambda',
  'aws-sdk',
  'bunyan',
  'cassandra-driver',
  'connect',
  'cucumber',
  'dataloader',
  'express',
  'fs',
  'generic-pool',
  'graphql',
  'grpc',
  'hapi',
  'host-metrics',
  'http',
  'kafkajs',
  'knex',
  'koa',
  'lru-memoizer',
  'memcached',
  'mongodb',
  'mongoose',
  'mysql2',
  'mysql',
  'nestjs-core',
  'openai',
  'oracledb',
  'pino',
  'redis',
  'restify',
  'router',
  'runtime-node',
  'socket.io',
  'tedious',
  'winston',
] as const;

const settingsOf: Readonly<Record<InstrumentationName, object>> = {
  pg: { requireParentSpan: true },
  ioredis: { requireParentSpan: true, dbStatementSerializer: (command: string) => command },
  undici: { requireParentforSpans: true },
  dns: {},
  net: {},
};

/** Runs unless OTEL_NODE_ENABLED_INSTRUMENTATIONS says otherwise. */
const defaultNames: readonly InstrumentationName[] = ['pg', 'ioredis', 'undici'];

/** The instrumentations that run, by the standard variables. */
export const chosenInstrumentations = (settings: OpenTelemetrySettings): ReadonlySet<InstrumentationName> => {
  const disabled = settings.OTEL_NODE_DISABLED_INSTRUMENTATIONS ?? [];
  const enabled = settings.OTEL_NODE_ENABLED_INSTRUMENTATIONS ?? defaultNames;
  return new Set(enabled.filter((name) => !disabled.includes(name)));
};

/** Every instrumentation has an explicit `enabled`, so that the bundle does not read the variables once more. */
export const instrumentationConfig = (chosen: ReadonlySet<InstrumentationName>): InstrumentationConfigMap => ({
  ...Object.fromEntries(off.map((name) => [`@opentelemetry/instrumentation-${name}`, { enabled: false }])),
  ...Object.fromEntries(
    instrumentationNames.map((name) => [
      `@opentelemetry/instrumentation-${name}`,
      { ...settingsOf[name], enabled: chosen.has(name) },
    ]),
  ),
});
