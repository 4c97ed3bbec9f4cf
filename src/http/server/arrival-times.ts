import type { IncomingMessage } from 'node:http';
import { CountedRequest } from './counted-request.ts';

type Options = {
  readonly timeoutMs: number;
  /** The precision of the timeout. */
  readonly intervalMs: number;
  /** With false, nothing is measured. */
  readonly isUsed: boolean;
  /** Called once for a request that has not arrived after the timeout. */
  readonly late: (request: IncomingMessage) => void;
};

export type ArrivalTimes = {
  readonly start: (request: IncomingMessage) => void;
  /** Forgets a request that has arrived, or whose connection is closed. Must be called when its answer closes. */
  readonly stop: (request: IncomingMessage) => void;
  readonly close: () => void;
};

/**
 * Limits the time in which usual requests arrive, with one timer for all of them. A timer and three listeners for each
 * request took 2 % of the time of a small one (docs/decisions/0245).
 */
export const createArrivalTimes = ({ timeoutMs, intervalMs, isUsed, late }: Options): ArrivalTimes => {
  /** The requests with the times at which they are late, in this order, because all have the same timeout. */
  const arriving = new Map<IncomingMessage, number>();
  const check = (): void => {
    const now = performance.now();
    for (const [request, lateAt] of arriving) {
      const isLimited = !request.complete && !(request instanceof CountedRequest && request.isLong);
      if (isLimited && lateAt > now) return;
      arriving.delete(request);
      if (isLimited && !request.destroyed) late(request);
    }
  };
  const timer = isUsed ? setInterval(check, intervalMs).unref() : undefined;
  return {
    start: (request) => {
      if (isUsed && !request.complete) arriving.set(request, performance.now() + timeoutMs);
    },
    stop: (request) => {
      // The rest of a request that is answered early must arrive in time too, unless its connection is closed.
      if (request.complete || request.destroyed) arriving.delete(request);
    },
    close: () => clearInterval(timer),
  };
};
