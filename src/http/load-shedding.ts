import { AppError } from '#src/kernel/errors.ts';
import type { LoadClass, Metrics } from '#src/kernel/metrics.ts';
import type { Route } from '#src/kernel/route.ts';
import type { HttpMiddleware } from './types.ts';

export type LoadSheddingOptions = {
  /** Most requests of each class in progress at once. */
  readonly limits: Readonly<Record<LoadClass, number>>;
  /**
   * Milliseconds that the event loop may run late before pricing is refused; everything else that is not spared goes
   * on until it is four times as late, so a flood of pricing cannot starve reads.
   */
  readonly lagMs: number;
};

/** What a route costs and how dear it is: follows from its declaration. Undefined is spared. */
export const loadClassOf = ({ atRoot, path, method, bodyLimit }: Route): LoadClass | undefined => {
  // Without health a busy process looks dead; without tokens nobody gets past being refused.
  if (atRoot === true || path.startsWith('/auth/')) return undefined;
  if (bodyLimit === 'batch') return 'batch';
  if (path.startsWith('/pricing/') && method === 'POST') return 'pricing';
  return method === 'GET' ? 'read' : 'write';
};

const sampleMs = 20;
/** Weight of the newest sample: one long turn of the loop is forgiven, a few are not. */
const weight = 0.2;
const leniency = 4;
const retryAfter = 1;

/** How late the event loop is, in milliseconds, smoothed. */
const createLagMeter = (): (() => number) => {
  let lag = 0;
  let expected = performance.now() + sampleMs;
  setInterval(() => {
    const now = performance.now();
    lag += weight * (Math.max(0, now - expected) - lag);
    expected = now + sampleMs;
  }, sampleMs).unref();
  return () => lag;
};

/**
 * Refuses with 503 `overloaded` before a request has cost anything: its body is not read, nobody is authenticated.
 * Stands inside the error boundary and before everything that works.
 */
export const createLoadShedding = ({ limits, lagMs }: LoadSheddingOptions, metrics: Metrics): HttpMiddleware => {
  const lag = createLagMeter();
  const inProgress: Record<LoadClass, number> = { pricing: 0, batch: 0, read: 0, write: 0 };

  const refuse = (load: LoadClass, reason: 'concurrency' | 'lag'): never => {
    metrics.count('volwatch_load_shed_total', { load_class: load, reason });
    throw new AppError('overloaded', undefined, { retryAfter });
  };

  return async (ctx, next) => {
    const { match } = ctx.state;
    const load = match.kind === 'route' ? loadClassOf(match.route.declaration) : undefined;
    if (load === undefined) {
      await next();
      return;
    }
    const patience = load === 'pricing' || load === 'batch' ? lagMs : lagMs * leniency;
    if (lag() > patience) refuse(load, 'lag');
    if (inProgress[load] >= limits[load]) refuse(load, 'concurrency');
    inProgress[load] += 1;
    try {
      await next();
    } finally {
      inProgress[load] -= 1;
    }
  };
};
