import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import type { RefreshService } from '../refresh/refresh-service.ts';
import { createRunPlaces } from './run-places.ts';

const retryAfter = 10;

/** The refreshes that requests start in this process. Each holds a lock, and can wait for its provider for an hour. */
export const limitRefreshes = (
  refreshes: Pick<RefreshService, 'start'>,
  { abuse, max }: { readonly abuse: AbuseReport; readonly max: number },
): Pick<RefreshService, 'start'> => {
  const places = createRunPlaces({
    abuse,
    max,
    full: `Other refreshes are running, and REFRESHES_LIMIT is ${max}: send the request again after one has ended`,
    fullForCaller: 'Other refreshes of this caller are running: send the request again after one has ended',
    retryAfter,
  });
  return {
    start: (request) =>
      places.use(async (holdUntil) => {
        const started = await refreshes.start(request);
        holdUntil(started.ended);
        return started;
      }),
  };
};
