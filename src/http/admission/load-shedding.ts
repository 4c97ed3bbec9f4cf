import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { loadClasses, type LoadClass, type Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Route } from '#src/kernel/requests/route.ts';
import type { Caller } from './body-admission.ts';
import { createShares, type Refusal, type Shares } from './shares.ts';

export type LoadSheddingOptions = {
  /** Max requests of each class that are worked on at once. */
  readonly limits: Readonly<Record<LoadClass, number>>;
  /** Percent of a limit that a caller reaches alone. */
  readonly callerPercent: number;
  /**
   * Milliseconds that the event loop may run late before pricing is refused. Reads and writes are refused when it is
   * four times as late, so that a flood of pricing cannot starve reads.
   */
  readonly lagMs: number;
};

export type LoadSheddingDeps = { readonly metrics: Metrics; readonly abuse: AbuseReport };

/** A place among the requests that are worked on. Both calls must happen, in this order. */
type Slot = {
  /** The work has ended: others may use the place. A slow reader must not keep it from them. */
  readonly workEnded: () => void;
  /** The answer is sent or cut: until then the place counts as held by its caller. */
  readonly answerEnded: () => void;
};

export type LoadShedding = {
  /**
   * Refuses a request before it has cost anything, when the service is too busy for its class. Takes no slot.
   * @throws AppError `overloaded`
   */
  readonly refuseEarly: (route: Route) => void;
  /**
   * Takes a slot of the route's class. The body must have arrived: a client that does not send holds no slot.
   * Undefined: the route has no class.
   * @throws AppError `overloaded`, `concurrency_limit_exceeded`
   */
  readonly enter: (route: Route, caller: Caller) => Slot | undefined;
  /** As `enter`, without taking the slot: refuses before a body is read for nothing. */
  readonly check: (route: Route, caller: Caller) => void;
};

/** The class follows from the declaration of a route. Undefined: the route is never refused. */
export const loadClassOf = ({ atRoot, path, method, bodyLimit }: Route): LoadClass | undefined => {
  // Without health a busy process looks dead; without tokens nobody gets past being refused.
  if (atRoot === true || path.startsWith('/auth/')) return undefined;
  if (bodyLimit === 'batch' || bodyLimit === 'chunk') return 'batch';
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

/** Bounds the requests that are worked on, by class and by caller. See docs/decisions/0100. */
export const createLoadShedding = (
  { limits, callerPercent, lagMs }: LoadSheddingOptions,
  { metrics, abuse }: LoadSheddingDeps,
): LoadShedding => {
  const lag = createLagMeter();
  const slots = Object.fromEntries(
    loadClasses.map((load) => [load, createShares({ limit: limits[load], callerPercent, minAmount: 1 })]),
  ) as Record<LoadClass, Shares>;

  const overloaded = (load: LoadClass, reason: 'concurrency' | 'lag'): never => {
    metrics.count('volwatch_load_shed_total', { load_class: load, reason });
    throw new AppError('overloaded', undefined, { retryAfter });
  };

  const refuseWhere = (refusal: Refusal | undefined, load: LoadClass, { clientIp }: Caller): void => {
    if (refusal === undefined) return;
    if (refusal === 'full') overloaded(load, 'concurrency');
    metrics.count('volwatch_load_shed_total', { load_class: load, reason: 'caller' });
    abuse.refused('concurrency_by_caller', clientIp);
    throw new AppError('concurrency_limit_exceeded', undefined, { retryAfter });
  };

  return {
    refuseEarly: (route) => {
      const load = loadClassOf(route);
      if (load === undefined) return;
      const patience = load === 'pricing' || load === 'batch' ? lagMs : lagMs * leniency;
      if (lag() > patience) overloaded(load, 'lag');
      if (slots[load].total() >= limits[load]) overloaded(load, 'concurrency');
    },
    check: (route, caller) => {
      const load = loadClassOf(route);
      if (load !== undefined) refuseWhere(slots[load].check(caller.key), load, caller);
    },
    enter: (route, caller) => {
      const load = loadClassOf(route);
      if (load === undefined) return undefined;
      refuseWhere(slots[load].take(caller.key), load, caller);
      return { workEnded: () => slots[load].free(), answerEnded: () => slots[load].forget(caller.key) };
    },
  };
};
