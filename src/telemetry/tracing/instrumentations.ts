import type { InstrumentationConfigMap } from '@opentelemetry/auto-instrumentations-node';

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
  'dns',
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
  'net',
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

export const instrumentations: InstrumentationConfigMap = {
  ...Object.fromEntries(off.map((name) => [`@opentelemetry/instrumentation-${name}`, { enabled: false }])),
  '@opentelemetry/instrumentation-pg': { enabled: true, requireParentSpan: true },
  '@opentelemetry/instrumentation-ioredis': {
    enabled: true,
    requireParentSpan: true,
    dbStatementSerializer: (command: string) => command,
  },
  '@opentelemetry/instrumentation-undici': { enabled: true, requireParentforSpans: true },
};
