import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { createOmittedLines } from '#src/kernel/logging/omitted-lines.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { countedAddress } from '#src/kernel/requests/counted-address.ts';

export type LineLimitDeps = {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

/** Whether a request of this address, or with this code of a fault, may have a line in the log. A line that is left out is counted. */
export type LineLimit = (source: string) => boolean;

const windowMs = 60_000;
const maxByAddress = 600;
const maxOfAll = 6_000;

/**
 * Limits the lines of requests that no rate limit has let through: without a route, OPTIONS, `/problems`, health, refusals of the head, refusals
 * of a rate limit itself. One address had written 3 MB of them in a second. At the end of a minute in which lines were left out, one line has their number.
 */
export const createLineLimit = ({ clock, metrics, logger }: LineLimitDeps): LineLimit => {
  const name = 'volwatch_http_request_lines_omitted_total';
  metrics.count(name, {}, 0);
  const byAddress = new Map<string, number>();
  let endsAt = Number.NEGATIVE_INFINITY;
  let written = 0;
  const omit = createOmittedLines((omitted) => logger.warn({ omitted }, 'lines of requests were left out'));

  return (source) => {
    const now = clock.monotonic();
    if (now >= endsAt) {
      endsAt = now + windowMs;
      byAddress.clear();
      written = 0;
    }
    const address = countedAddress(source);
    const own = byAddress.get(address) ?? 0;
    if (own < maxByAddress && written < maxOfAll) {
      byAddress.set(address, own + 1);
      written += 1;
      return true;
    }
    omit(endsAt - now);
    metrics.count(name, {});
    return false;
  };
};
