import { withTimeout } from '#src/kernel/abort.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import {
  createBoundedWork,
  currentNetwork,
  type BoundedWork,
  type BoundedWorkOptions,
} from '#src/kernel/requests/callers/bounded-work.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

export type GooglePlaces = {
  /**
   * Waits for a place, in turns with other networks. The place belongs to the request in which the work began, or to the jobs.
   * @returns the function that gives the place back
   * @throws AppError `overloaded` if too many calls wait, `external_api_unavailable` after `timeoutMs`, or the reason of `signal`
   */
  readonly enter: (signal: AbortSignal, timeoutMs: number) => Promise<() => void>;
};

/** Requests and jobs have places of their own, so that neither can take those of the other. */
const ofRequests = { work: 'google_call_of_request', concurrency: 4, queue: 256 } as const;
const ofJobs = { work: 'google_call_of_job', concurrency: 2, queue: 256 } as const;
const retryAfter = 1;

/**
 * The places of all calls to Google of this process. Networks take turns, because one address can have many accounts. `maxCalls`: twice the calls that have a place or wait for one, because
 * others wait for their next attempt meanwhile.
 */
export const createGooglePlaces = ({
  metrics,
}: Pick<BoundedWorkOptions, 'metrics'>): GooglePlaces & { readonly maxCalls: number } => {
  const placesOf = (size: typeof ofRequests | typeof ofJobs): BoundedWork =>
    createBoundedWork({
      ...size,
      metrics,
      detail: 'Too many calls to Google wait for their turn',
      retryAfter,
      callerNow: currentNetwork,
    });
  const [requests, jobs] = [placesOf(ofRequests), placesOf(ofJobs)];
  return {
    maxCalls: 2 * [ofRequests, ofJobs].reduce((sum, { concurrency, queue }) => sum + concurrency + queue, 0),
    enter: (outer, timeoutMs) => {
      const reason = (): AppError =>
        new AppError('external_api_unavailable', 'Other calls to Google took too long', { retryAfter });
      const places = currentRequest() === undefined ? jobs : requests;
      return withTimeout({ timeoutMs, reason, outer }, (signal) => places.enter(signal));
    },
  };
};
