import type { Registry } from 'prom-client';
import type { Clock } from '../../kernel/ports/clock.ts';
import { negotiateFormat, renderMetrics, type ExpositionFormat } from '../metrics/exposition.ts';
import type { AdminRoute } from './admin-router.ts';
import { createSharedReplies } from './shared-replies.ts';

export type MetricsRouteDeps = {
  readonly registry: Registry;
  /** Sets the gauges that are read on demand, before each scrape. Must not throw. */
  readonly collect?: () => Promise<void>;
  readonly clock: Pick<Clock, 'monotonic'>;
};

/**
 * `GET /metrics`. A text of all metrics takes some 10 ms of the event loop or more, so scrapes share texts. A text is made after its scrapes
 * have arrived, so it has the counts of that time.
 */
export const metricsRoute = ({ registry, collect, clock }: MetricsRouteDeps): AdminRoute => {
  const replyOf = createSharedReplies<ExpositionFormat>({ clock });
  return {
    method: 'GET',
    path: '/metrics',
    handle: ({ headers }) => {
      const format = negotiateFormat(headers.accept);
      const make = async () => {
        const { contentType, body } = await renderMetrics(registry, format);
        // A buffer, because a string would be measured and copied for each scrape.
        return { status: 200, contentType, body: Buffer.from(body) };
      };
      return replyOf(format, { prepare: collect, make });
    },
  };
};
