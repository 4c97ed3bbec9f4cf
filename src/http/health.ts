import { z } from 'zod';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { dependencies, type Dependency, type HealthCheck, type HealthReading } from '#src/kernel/ports/health.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';

const checkTimeoutMs = 1000;
const cacheMs = 1000;

const dependencySchema = z.strictObject({
  status: z.enum(['up', 'degraded', 'down', 'disabled']),
  latency_ms: z.number().nullable(),
  since: z.iso.datetime(),
  detail: z.string().optional(),
});
type DependencyReport = z.output<typeof dependencySchema>;

const reportSchema = z.strictObject({
  status: z.enum(['ok', 'degraded', 'unavailable']),
  version: z.string(),
  uptime_s: z.number(),
  dependencies: z.strictObject(
    Object.fromEntries(dependencies.map((name) => [name, dependencySchema])) as Record<
      Dependency,
      typeof dependencySchema
    >,
  ),
});
type HealthReport = z.output<typeof reportSchema>;

export type HealthDependencies = {
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly version: string;
  readonly isDraining: () => boolean;
};

export type Health = {
  readonly routes: readonly Route[];
  /** Looks at every dependency, at most once a second however often it is called; never rejects, never takes longer than a check may. */
  readonly read: () => Promise<HealthReport>;
  /** Looks anew, whatever is remembered: for a change that the service itself brought about. */
  readonly readAgain: () => Promise<HealthReport>;
};

/** A check's reading, or `down` when it throws or takes longer than a second. */
const bounded = async ({ check }: HealthCheck): Promise<HealthReading> => {
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

/** `/health/live`, `/health/ready` and `/health`, outside limits and authentication. */
export const createHealth = ({ checks, clock, metrics, version, isDraining }: HealthDependencies): Health => {
  const started = clock.monotonic();
  const required = new Set(checks.filter((check) => check.required).map(({ dependency }) => dependency));
  const startedAt = clock.now().toISOString();
  const known = new Map<Dependency, DependencyReport>(
    dependencies.map((name) => [name, { status: 'disabled', latency_ms: null, since: startedAt }]),
  );
  let reading: Promise<void> | undefined;
  let readAt = -Infinity;

  const look = async (check: HealthCheck): Promise<void> => {
    const begun = clock.monotonic();
    const { status, detail } = await bounded(check);
    const before = known.get(check.dependency);
    known.set(check.dependency, {
      status,
      latency_ms: status === 'disabled' ? null : Math.round((clock.monotonic() - begun) * 100) / 100,
      since: before?.status === status ? before.since : clock.now().toISOString(),
      ...(detail !== undefined && { detail }),
    });
    if (status !== 'disabled') {
      metrics.set('volwatch_dependency_up', { dependency: check.dependency }, status === 'down' ? 0 : 1);
    }
  };
  const lookAtAll = async (): Promise<void> => {
    await Promise.all(checks.map(look));
    readAt = clock.monotonic();
  };

  const statusOf = (reports: readonly [Dependency, DependencyReport][]): HealthReport['status'] => {
    if (isDraining() || reports.some(([name, { status }]) => status === 'down' && required.has(name))) {
      return 'unavailable';
    }
    return reports.some(([, { status }]) => status === 'down' || status === 'degraded') ? 'degraded' : 'ok';
  };

  const read = async (): Promise<HealthReport> => {
    if (clock.monotonic() - readAt >= cacheMs) {
      reading ??= lookAtAll().finally(() => {
        reading = undefined;
      });
      await reading;
    }
    const reports = dependencies.map((name): [Dependency, DependencyReport] => [name, known.get(name)!]);
    return {
      status: statusOf(reports),
      version,
      uptime_s: Math.round(clock.monotonic() - started) / 1000,
      dependencies: Object.fromEntries(reports) as HealthReport['dependencies'],
    };
  };

  const readAgain = async (): Promise<HealthReport> => {
    // One that is under way may have begun before the change.
    await reading;
    readAt = -Infinity;
    return read();
  };

  const common = {
    method: 'GET',
    atRoot: true,
    tag: 'service',
    auth: 'public',
    rateLimit: 'none',
    load: 'none',
    request: {},
    errors: [],
  } as const;
  const fresh = { 'Cache-Control': 'no-store' };
  const aliveSchema = z.strictObject({ status: z.literal('ok') });
  const readySchema = z.strictObject({ status: z.enum(['ok', 'degraded']) });
  const unreadySchema = z.strictObject({ status: z.literal('unavailable') });

  return {
    read,
    readAgain,
    routes: [
      defineRoute({
        ...common,
        path: '/health/live',
        summary: 'Whether the process can answer',
        responses: { 200: aliveSchema },
        handler: async () => ({ status: 200, body: { status: 'ok' as const }, headers: fresh }),
      }),
      defineRoute({
        ...common,
        path: '/health/ready',
        summary: 'Whether requests should be sent here',
        responses: { 200: readySchema, 503: unreadySchema },
        handler: async () => {
          const { status } = await read();
          if (status === 'unavailable') return { status: 503, body: { status }, headers: fresh };
          return { status: 200, body: { status }, headers: fresh };
        },
      }),
      defineRoute({
        ...common,
        path: '/health',
        summary: 'The state of the service and of everything it depends on',
        responses: { 200: reportSchema, 503: reportSchema },
        handler: async () => {
          const report = await read();
          return { status: report.status === 'unavailable' ? 503 : 200, body: report, headers: fresh };
        },
      }),
    ],
  };
};
