import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { createShares, type Refusal } from './shares.ts';

export type BodyAdmissionOptions = {
  /** Bodies that are being read at once. */
  readonly maxBodies: number;
  /** Bytes of bodies in memory, being read or worked on; the first `uncountedBytes` of each body do not count. */
  readonly maxTotalBytes: number;
  /** `maxBodies` bounds these. */
  readonly uncountedBytes: number;
  /** Percent of both limits that a caller reaches alone. */
  readonly callerPercent: number;
  /** Below this a body is given up, once it is older than `graceMs`. */
  readonly minBytesPerSecond: number;
  /** Also the time over which the rate is measured. */
  readonly graceMs: number;
};

export type Caller = { readonly key: string; readonly clientIp: string };

export type OpenBody = {
  /** Bytes that came from the network. */
  readonly arrived: (bytes: number) => void;
  /** Bytes that are kept. @throws AppError `overloaded`, `concurrency_limit_exceeded` */
  readonly keep: (bytes: number) => void;
  /** The body is read, or given up: it does not count as being read any more. */
  readonly close: () => void;
  /** Its bytes are not needed any more. Closes it, too. */
  readonly release: () => void;
};

export type BodyAdmission = {
  /**
   * Counts a body as being read.
   * @param declaredBytes what `Content-Length` says, else 0
   * @param onSlow called once when the body arrives below the minimum rate
   * @throws AppError `overloaded`, `concurrency_limit_exceeded`
   */
  readonly open: (caller: Caller, declaredBytes: number, onSlow: (error: AppError) => void) => OpenBody;
};

export type BodyAdmissionDeps = { readonly metrics: Metrics; readonly abuse: AbuseReport };

/**
 * Looks at a body in one grace time. Looks are counted rather than time measured: an event loop that stands still has
 * not read what did arrive, and a body must not pay for that.
 */
const looksPerGrace = 5;
const retryAfter = 1;

type Watched = { looks: number; bytes: number; readonly slow: () => void };

/** Bounds the bodies that arrive: their number and bytes, in total and by caller, and how slowly each may come. */
export const createBodyAdmission = (options: BodyAdmissionOptions, deps: BodyAdmissionDeps): BodyAdmission => {
  const { maxBodies, maxTotalBytes, uncountedBytes, callerPercent, minBytesPerSecond, graceMs } = options;
  const { metrics, abuse } = deps;
  const bodies = createShares({ limit: maxBodies, callerPercent, minAmount: 1 });
  const memory = createShares({ limit: maxTotalBytes, callerPercent, minAmount: 0 });
  const watched = new Set<Watched>();
  const minBytesPerGrace = (minBytesPerSecond * graceMs) / 1_000;

  const look = (): void => {
    for (const body of watched) {
      body.looks += 1;
      if (body.looks < looksPerGrace) continue;
      if (body.bytes < minBytesPerGrace) body.slow();
      body.looks = 0;
      body.bytes = 0;
    }
  };
  setInterval(look, graceMs / looksPerGrace).unref();

  const refuse = (refusal: Refusal, caller: Caller): never => {
    abuse.refused('body_backlog', caller.clientIp);
    if (refusal === 'full') throw new AppError('overloaded', 'Too many bodies are being read', { retryAfter });
    throw new AppError('concurrency_limit_exceeded', 'Too many bodies of this caller are being read', { retryAfter });
  };
  const report = (): void => {
    metrics.set('volwatch_http_bodies_in_progress', {}, bodies.total());
    metrics.set('volwatch_http_body_bytes', {}, memory.total());
  };
  report();

  return {
    open: (caller, declaredBytes, onSlow) => {
      const declared = Math.max(0, declaredBytes - uncountedBytes);
      const hopeless = declared > 0 ? memory.check(caller.key, declared) : undefined;
      const refusal = hopeless ?? bodies.take(caller.key);
      if (refusal !== undefined) return refuse(refusal, caller);
      const body: Watched = {
        looks: 0,
        bytes: 0,
        slow: () => {
          watched.delete(body);
          abuse.refused('body_slow', caller.clientIp);
          onSlow(new AppError('request_timeout', 'The body arrives too slowly'));
        },
      };
      watched.add(body);
      report();
      let size = 0;
      let counted = 0;
      let reading = true;
      const close = (): void => {
        if (!reading) return;
        reading = false;
        watched.delete(body);
        bodies.release(caller.key);
        report();
      };
      return {
        arrived: (bytes) => (body.bytes += bytes),
        keep: (bytes) => {
          size += bytes;
          const more = Math.max(0, size - uncountedBytes) - counted;
          if (more === 0) return;
          const refused = memory.take(caller.key, more);
          if (refused !== undefined) refuse(refused, caller);
          counted += more;
          report();
        },
        close,
        release: () => {
          close();
          if (counted > 0) memory.release(caller.key, counted);
          counted = 0;
          report();
        },
      };
    },
  };
};
