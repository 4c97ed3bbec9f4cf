import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Clock } from '../../kernel/ports/clock.ts';
import { negotiateFormat, renderMetrics, type ExpositionFormat } from '../metrics/exposition.ts';
import type { AdminReply, AdminRoute } from './admin-router.ts';

export type MetricsRouteDeps = {
  readonly registry: Registry;
  /** Sets the gauges that are read on demand, before each scrape. Must not throw. */
  readonly collect?: () => Promise<void>;
  readonly clock: Pick<Clock, 'monotonic'>;
};

/** The pause after a text, as a multiple of the time that it took: texts take at most a fifth of the event loop. */
const pauseFactor = 4;
/**
 * Max pause in milliseconds. The time of a text is longer while the process is busy with other work, and metrics are most needed
 * then: without a max, scrapes of a busy service came after their timeout.
 */
const maxPauseMs = 250;

/**
 * `GET /metrics`. A text of all metrics takes some 10 ms of the event loop, so scrapes that arrive while one waits share the next
 * text, whatever their number. A text is made after its scrapes have arrived, so it has the counts of that time.
 */
export const metricsRoute = ({ registry, collect, clock }: MetricsRouteDeps): AdminRoute => {
  const pending = new Map<ExpositionFormat, Promise<AdminReply>>();
  let pausedUntil = 0;
  /** One text at a time, so that the formats share the pauses. */
  let last: Promise<unknown> = Promise.resolve();

  const render = async (format: ExpositionFormat): Promise<AdminReply> => {
    const startedAt = clock.monotonic();
    const { contentType, body } = await renderMetrics(registry, format);
    // A buffer, because a string would be measured and copied for each scrape.
    const reply = { status: 200, contentType, body: Buffer.from(body) };
    const endedAt = clock.monotonic();
    pausedUntil = endedAt + Math.min(maxPauseMs, pauseFactor * (endedAt - startedAt));
    return reply;
  };

  const inTurn = async (format: ExpositionFormat, previous: Promise<unknown>): Promise<AdminReply> => {
    await previous;
    try {
      const pauseMs = pausedUntil - clock.monotonic();
      if (pauseMs > 0) await sleep(pauseMs);
      await collect?.();
    } finally {
      // Later scrapes get the next text, because this one does not have their counts.
      pending.delete(format);
    }
    return render(format);
  };

  return {
    method: 'GET',
    path: '/metrics',
    handle: ({ headers }) => {
      const format = negotiateFormat(headers.accept);
      let reply = pending.get(format);
      if (reply === undefined) {
        reply = inTurn(format, last);
        pending.set(format, reply);
        last = reply.catch(() => {});
      }
      return reply;
    },
  };
};
