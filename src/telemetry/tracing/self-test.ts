import { createServer, type AddressInfo } from 'node:net';
import { SpanKind, trace } from '@opentelemetry/api';
import type { Logger } from '../../kernel/ports/logger.ts';
import { telemetryRuntime } from '../runtime.ts';

/** The instrumentation scope of each span source. */
const scopeOf = {
  server: 'volwatch',
  pg: '@opentelemetry/instrumentation-pg',
  ioredis: '@opentelemetry/instrumentation-ioredis',
  undici: '@opentelemetry/instrumentation-undici',
} as const;
export type SpanSource = keyof typeof scopeOf;

const stepTimeoutMs = 1_000;
const ignore = (): void => {};

const startServerSpan = (): void => {
  trace.getTracer(scopeOf.server).startSpan('telemetry.self_test', { kind: SpanKind.SERVER }).end();
};

const startPgSpan = async (port: number): Promise<void> => {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host: '127.0.0.1', port, ssl: false, connectionTimeoutMillis: stepTimeoutMs });
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
    connectTimeout: stepTimeoutMs,
    retryStrategy: () => null,
  });
  redis.on('error', ignore);
  await redis.connect().catch(ignore);
  redis.disconnect();
};

const startHttpSpan = async (port: number): Promise<void> => {
  const { request } = await import('undici');
  await request(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(stepTimeoutMs) }).catch(ignore);
};

/**
 * A loopback port that closes every connection immediately, so that clients start their spans and fail without a wait.
 */
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
 * Checks that each instrumentation works. A loader hook that patches nothing throws no error; then only the spans of
 * one library are missing. The check needs no dependency, and its spans are not exported. Must run after the service is
 * ready. Logs one warning with the missing sources.
 * @returns the missing span sources; empty if telemetry is disabled or samples nothing
 */
export const runTelemetrySelfTest = async ({ logger }: { readonly logger: Logger }): Promise<readonly SpanSource[]> => {
  const runtime = telemetryRuntime();
  if (!runtime.enabled || !runtime.recordsChildren) return [];
  const recorded = await runtime.recordScopes(() =>
    withRefusingPort(async (port) => {
      startServerSpan();
      await Promise.all([startPgSpan(port), startRedisSpan(port), startHttpSpan(port)]);
    }),
  );
  const expected = (Object.keys(scopeOf) as SpanSource[]).filter(
    (source) => source === 'server' || runtime.instrumentations.has(source),
  );
  const missing = expected.filter((source) => !recorded.has(scopeOf[source]));
  if (missing.length > 0) logger.warn({ missing_spans: missing }, 'instrumentation is incomplete');
  else logger.debug({}, 'instrumentation is complete');
  return missing;
};
