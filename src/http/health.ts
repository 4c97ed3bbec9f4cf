import { z } from 'zod';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { dependencies, type Dependency, type HealthCheck, type HealthReading } from '#src/kernel/ports/health.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';

const checkTimeoutMs = 1000;
const cacheMs = 1000;

const dependencySchema = z
  .strictObject({
    status: z.enum(['up', 'degraded', 'down', 'disabled']),
    latency_ms: z.number().nullable(),
    since: z.iso.datetime(),
    detail: z.string().optional(),
  })
  .meta({ id: 'DependencyHealth' });
type DependencyReport = z.output<typeof dependencySchema>;

const reportSchema = z
  .strictObject({
    status: z.enum(['ok', 'degraded', 'unavailable']),
    version: z.string(),
    uptime_s: z.number(),
    dependencies: z
      .strictObject(
        Object.fromEntries(dependencies.map((name) => [name, dependencySchema])) as Record<
          Dependency,
          typeof dependencySchema
        >,
      )
      .meta({ id: 'DependenciesHealth' }),
  })
  .meta({ id: 'Health' });
type HealthReport = z.output<typeof reportSchema>;

export type HealthDeps = {
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly version: string;
  /** True while the process starts or drains: it is `unavailable`, whatever its dependencies are. */
  readonly isUnready: () => boolean;
};

export type Health = {
  readonly routes: readonly Route[];
  /** Checks each dependency, and caches the result for a second. It never rejects, and ends within the timeout of a check. */
  readonly read: () => Promise<HealthReport>;
  /** Checks without the cache, for example after the service has changed the state of a dependency. */
  readonly readAgain: () => Promise<HealthReport>;
};

/** Runs a check. The reading is `down` when the check throws or exceeds `checkTimeoutMs`. */
const runBounded = async ({ check }: HealthCheck): Promise<HealthReading> => {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<HealthReading>((resolve) => {
    timer = setTimeout(() => {
      controller.abort();
      resolve({ status: 'down', detail: 'no answer in time' });
    }, checkTimeoutMs);
  });
  const attempt = async (): Promise<HealthReading> => check(controller.signal);
  try {
    return await Promise.race([attempt(), timeout]);
  } catch {
    return { status: 'down', detail: 'the check failed' };
  } finally {
    clearTimeout(timer);
  }
};

/** The routes `/health/live`, `/health/serving`, `/health/ready` and `/health`. They have no authentication and no rate limit. */
export const createHealth = ({ checks, clock, metrics, version, isUnready }: HealthDeps): Health => {
  const startedAtMs = clock.monotonic();
  const required = new Set(checks.filter((check) => check.required).map(({ dependency }) => dependency));
  const startedAt = clock.now().toISOString();
  const reports = new Map<Dependency, DependencyReport>(
    dependencies.map((name) => [name, { status: 'disabled', latency_ms: null, since: startedAt }]),
  );
  let reading: Promise<void> | undefined;
  let readAt = -Infinity;
  let wasReady = false;

  const runCheck = async (check: HealthCheck): Promise<void> => {
    const checkStartedMs = clock.monotonic();
    const { status, detail } = await runBounded(check);
    const previous = reports.get(check.dependency);
    reports.set(check.dependency, {
      status,
      latency_ms: status === 'disabled' ? null : Math.round((clock.monotonic() - checkStartedMs) * 100) / 100,
      since: previous?.status === status ? previous.since : clock.now().toISOString(),
      ...(detail !== undefined && { detail }),
    });
    if (status !== 'disabled') {
      metrics.set('volwatch_dependency_up', { dependency: check.dependency }, status === 'down' ? 0 : 1);
    }
  };
  const runAllChecks = async (): Promise<void> => {
    await Promise.all(checks.map(runCheck));
    readAt = clock.monotonic();
  };

  const statusOf = (current: readonly [Dependency, DependencyReport][]): HealthReport['status'] => {
    if (isUnready() || current.some(([name, { status }]) => status === 'down' && required.has(name))) {
      return 'unavailable';
    }
    return current.some(([, { status }]) => status === 'down' || status === 'degraded') ? 'degraded' : 'ok';
  };

  const read = async (): Promise<HealthReport> => {
    if (clock.monotonic() - readAt >= cacheMs) {
      reading ??= runAllChecks().finally(() => {
        reading = undefined;
      });
      await reading;
    }
    const current = dependencies.map((name): [Dependency, DependencyReport] => [name, reports.get(name)!]);
    const status = statusOf(current);
    wasReady ||= status !== 'unavailable';
    return {
      status,
      version,
      uptime_s: Math.round(clock.monotonic() - startedAtMs) / 1000,
      dependencies: Object.fromEntries(current) as HealthReport['dependencies'],
    };
  };

  const readAgain = async (): Promise<HealthReport> => {
    // A reading in progress may have started before the change.
    await reading;
    readAt = -Infinity;
    return read();
  };

  const common = {
    method: 'GET',
    atRoot: true,
    tag: 'Service',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    request: {},
    errors: [],
  } as const;
  const noStore = { 'Cache-Control': 'no-store' };
  const ok = { status: 200, body: { status: 'ok' }, headers: noStore } as const;
  const unavailable = { status: 503, body: { status: 'unavailable' }, headers: noStore } as const;
  const aliveSchema = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Alive' });
  const servingSchema = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Serving' });
  const readySchema = z.strictObject({ status: z.enum(['ok', 'degraded']) }).meta({ id: 'Ready' });
  const unreadySchema = z.strictObject({ status: z.literal('unavailable') }).meta({ id: 'NotReady' });

  return {
    read,
    readAgain,
    routes: [
      defineRoute({
        ...common,
        path: '/health/live',
        summary: 'Whether the process can answer',
        responses: { 200: aliveSchema },
        handler: async () => ok,
      }),
      defineRoute({
        ...common,
        path: '/health/serving',
        summary: 'Whether a proxy may send requests to this instance: it was ready once, and does not stop',
        responses: { 200: servingSchema, 503: unreadySchema },
        handler: async () => {
          // A dependency that all instances share must not take all of them away.
          const isServing = wasReady ? !isUnready() : (await read()).status !== 'unavailable';
          return isServing ? ok : unavailable;
        },
      }),
      defineRoute({
        ...common,
        path: '/health/ready',
        summary: 'Whether this instance and each dependency that it requires can serve requests',
        responses: { 200: readySchema, 503: unreadySchema },
        handler: async () => {
          const { status } = await read();
          return status === 'unavailable' ? unavailable : { status: 200, body: { status }, headers: noStore };
        },
      }),
      defineRoute({
        ...common,
        path: '/health',
        summary: 'The state of the service and of its dependencies',
        responses: { 200: reportSchema, 503: reportSchema },
        handler: async () => {
          const report = await read();
          return { status: report.status === 'unavailable' ? 503 : 200, body: report, headers: noStore };
        },
      }),
    ],
  };
};
