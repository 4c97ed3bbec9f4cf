import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { FairStarts } from '#src/kernel/connections/fair-starts.ts';
import { loadClasses, type LoadClass, type Route } from '#src/kernel/requests/route.ts';

import type { Caller, Refusal } from './shares.ts';
import { createSlots, type Slot } from './slots.ts';

export type LoadSheddingOptions = {
  /** Max requests of each class that are processed at once. */
  readonly limits: Readonly<Record<LoadClass, number>>;
  /** Percent of a limit that one caller can use while it is the only caller. */
  readonly callerPercent: number;
  /**
   * Max lag of the event loop in milliseconds before pricing is refused. It is also the max time for which a request waits to
   * start while most requests wait as long. Reads and writes have four times this limit, so that a flood of pricing
   * requests cannot block reads.
   */
  readonly lagMs: number;
};

export type LoadSheddingDeps = {
  readonly metrics: Metrics;
  readonly abuse: AbuseReport;
  /** Those of the server. The time for which its requests wait to start counts as lag. */
  readonly starts: Pick<FairStarts, 'afterWaiting'>;
};

export type LoadShedding = {
  /**
   * Refuses a request before any work, when the service is too busy for its class. Takes no slot.
   * @param waitedMs time for which this request waited to start
   * @throws AppError `overloaded`
   */
  readonly refuseEarly: (route: Pick<Route, 'load'>, waitedMs: number) => void;
  /**
   * Takes a slot of the route's class. The body must have arrived before, because a client that does not send its body
   * must not hold a slot.
   * @returns undefined if the route has no class
   * @throws AppError `overloaded`, `concurrency_limit_exceeded`
   */
  readonly enter: (route: Pick<Route, 'load'>, caller: Caller) => Slot | undefined;
  /**
   * Throws as `enter` does, but takes no slot. It is called before the body is read, so that the body of a refused
   * request is not read.
   */
  readonly check: (route: Pick<Route, 'load'>, caller: Caller) => void;
};

const sampleMs = 20;
/**
 * Weight of the newest sample. It is low, so that a few long turns of the event loop cause refusals but a single one
 * does not.
 */
const weight = 0.2;
/** Multiple of `lagMs` at which reads and writes are refused. */
const leniency = 4;
const retryAfter = 1;

/** In milliseconds, as exponential moving averages. */
type Lag = {
  /** How late the event loop is. */
  readonly loop: number;
  /** The same, with the time until the requests that waited to start have started. */
  readonly start: number;
};

const createLagMeter = ({ afterWaiting }: Pick<FairStarts, 'afterWaiting'>): Lag => {
  const lag = { loop: 0, start: 0 };
  /** Measures work that is due `sampleMs` after the last one. */
  const measure = (name: keyof Lag, whenDue: (done: () => void) => void): void => {
    const expected = performance.now() + sampleMs;
    const done = (): void => {
      lag[name] += weight * (Math.max(0, performance.now() - expected) - lag[name]);
      measure(name, whenDue);
    };
    setTimeout(whenDue, sampleMs, done).unref();
  };
  measure('loop', (done) => done());
  measure('start', afterWaiting);
  return lag;
};

/** Limits the requests in progress, per class, per caller and per network. See docs/decisions/0100 and 0297. */
export const createLoadShedding = (
  { limits, callerPercent, lagMs }: LoadSheddingOptions,
  { metrics, abuse, starts }: LoadSheddingDeps,
): LoadShedding => {
  const lag = createLagMeter(starts);
  const slots = Object.fromEntries(
    loadClasses.map((load) => [load, createSlots(limits[load], callerPercent)]),
  ) as Record<LoadClass, ReturnType<typeof createSlots>>;

  const overloaded = (load: LoadClass, reason: 'concurrency' | 'lag'): never => {
    metrics.count('volwatch_load_shed_total', { load_class: load, reason });
    throw new AppError('overloaded', undefined, { retryAfter });
  };

  const refuse = (refusal: Refusal, load: LoadClass, { clientIp }: Caller): never => {
    if (refusal === 'full') return overloaded(load, 'concurrency');
    metrics.count('volwatch_load_shed_total', { load_class: load, reason: 'caller' });
    abuse.refused('concurrency_by_caller', clientIp);
    throw new AppError('concurrency_limit_exceeded', undefined, { retryAfter });
  };

  return {
    refuseEarly: ({ load }, waitedMs) => {
      if (load === 'none') return;
      const patience = load === 'pricing' || load === 'batch' ? lagMs : lagMs * leniency;
      // Clients take turns, so a client whose requests do not wait is not refused because others have many.
      const isLate = lag.start > patience && waitedMs > patience;
      if (isLate || lag.loop > patience) overloaded(load, 'lag');
      if (slots[load].isFull()) overloaded(load, 'concurrency');
    },
    check: ({ load }, caller) => {
      if (load === 'none') return;
      const refusal = slots[load].check(caller);
      if (refusal !== undefined) refuse(refusal, load, caller);
    },
    enter: ({ load }, caller) => {
      if (load === 'none') return undefined;
      const slot = slots[load].take(caller);
      return typeof slot === 'string' ? refuse(slot, load, caller) : slot;
    },
  };
};
