import { createServer, type AddressInfo } from 'node:net';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Logger } from '../../kernel/ports/logger.ts';
import { telemetryRuntime } from '../runtime.ts';

/** One span of each kind, by the scope that makes it. */
const scopeOf = {
  server: 'volwatch',
  pg: '@opentelemetry/instrumentation-pg',
  ioredis: '@opentelemetry/instrumentation-ioredis',
  undici: '@opentelemetry/instrumentation-undici',
} as const;
export type SpanSource = keyof typeof scopeOf;

const longestStepMs = 1_000;
const ignore = (): void => {};

const startServerSpan = (): void => {
  trace.getTracer(scopeOf.server).startSpan('telemetry.self_test', { kind: SpanKind.SERVER }).end();
};

const startPgSpan = async (port: number): Promise<void> => {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host: '127.0.0.1', port, ssl: false, connectionTimeoutMillis: longestStepMs });
  client.on('error', ignore);
  await client.connect().catch(ignore);
  await client.end().catch(ignore);
};

const startRedisSpan = async (port: number): Promise<void> => {
  const { Redis } = await import('ioredis');
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    connectTimeout: longestStepMs,
    retryStrategy: () => null,
  });
  redis.on('error', ignore);
  await redis.connect().catch(ignore);
  redis.disconnect();
};

const startHttpSpan = async (port: number): Promise<void> => {
  const { request } = await import('undici');
  await request(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(longestStepMs) }).catch(ignore);
};

/** A loopback port on which every connection is closed at once: clients start their spans and fail without waiting. */
const withRefusingPort = async (work: (port: number) => Promise<void>): Promise<void> => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  try {
    await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
};

/**
 * Proves that each instrumentation took hold: a loader hook that registers nothing fails in silence, and spans of one
 * library vanish while the rest remain. Needs no dependency; its spans are not exported. Run it after the service is
 * ready. Logs one warning that names what is missing.
 * @returns the span sources that are missing; empty when telemetry is off or samples nothing
 */
export const runTelemetrySelfTest = async ({ logger }: { readonly logger: Logger }): Promise<readonly SpanSource[]> => {
  const runtime = telemetryRuntime();
  if (!runtime.enabled || !runtime.recordsChildren) return [];
  const seen = await runtime.scopesSeenDuring(() =>
    withRefusingPort(async (port) => {
      startServerSpan();
      await Promise.all([startPgSpan(port), startRedisSpan(port), startHttpSpan(port)]);
    }),
  );
  const missing = (Object.keys(scopeOf) as SpanSource[]).filter((source) => !seen.has(scopeOf[source]));
  if (missing.length > 0) logger.warn({ missing_spans: missing }, 'instrumentation is incomplete');
  else logger.debug({}, 'instrumentation is complete');
  return missing;
};
