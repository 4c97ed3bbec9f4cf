import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { FairStarts } from '#src/kernel/connections/fair-starts.ts';
import { loadClasses, type LoadClass, type Route } from '#src/kernel/requests/route.ts';

import { countedSite } from '#src/kernel/requests/counted-address.ts';
import { createShares, networkPercent, type Caller, type Refusal } from './shares.ts';

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

/** One unit of the limit of a class. Both functions must be called, in this order. */
type Slot = {
  /**
   * The work has ended, so another request may use the slot. A client that reads slowly must not block other requests.
   */
  readonly workEnded: () => void;
  /** The answer was sent, or its connection was closed. Until then the slot counts against its caller. */
  readonly answerEnded: () => void;
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

/** Max slots of a class beyond its limit, for networks with few requests in progress. Each network of an attack can hold slots for minutes. */
const maxExtra = 64;
/** Part of them, 4 by default, that one network may hold while most are free, because clients often send a request before the answer to the last one. */
const partOfNetwork = 1 / 16;

/**
 * The slots of one class. Callers have shares, and so have networks: one address can have many accounts, each of which is a caller
 * of its own.
 */
const createSlots = (limit: number, callerPercent: number) => {
  const extra = Math.min(limit, maxExtra);
  const extraPerCaller = Math.max(1, Math.floor(extra * partOfNetwork));
  const byCaller = createShares({ limit, callerPercent, minAmount: 1, extra, extraPerCaller });
  const percent = Math.max(callerPercent, networkPercent);
  const byNetwork = createShares({ limit, callerPercent: percent, minAmount: 1, extra, extraPerCaller });
  return {
    isFull: () => byCaller.total() >= limit + extra,
    check: (caller: Caller): Refusal | undefined =>
      byCaller.check(caller.key) ?? byNetwork.check(countedSite(caller.clientIp)),
    /** @returns the slot, or why there is none */
    take: ({ key, clientIp }: Caller): Slot | Refusal => {
      const network = countedSite(clientIp);
      const refusal = byNetwork.check(network) ?? byCaller.take(key);
      if (refusal !== undefined) return refusal;
      byNetwork.take(network);
      return {
        workEnded: () => {
          byCaller.free();
          byNetwork.free();
        },
        answerEnded: () => {
          byCaller.forget(key);
          byNetwork.forget(network);
        },
      };
    },
  };
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
