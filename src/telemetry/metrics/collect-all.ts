import type { Logger } from '../../kernel/ports/logger.ts';
import type { Metrics } from '../../kernel/catalogue/metrics.ts';

/** Sets gauges before metrics are read. */
export type Collector = () => void | Promise<unknown>;

export type CollectAllDeps = {
  /** Run for each scrape, because their gauges must be new during an outage. Each must have a timeout of its own. */
  readonly first: readonly Collector[];
  /** Run after these. Their source may be slow. */
  readonly collectors: readonly Collector[];
  readonly metrics: Pick<Metrics, 'count'>;
  readonly logger: Logger;
  /** Max time that a scrape waits, in milliseconds. */
  readonly maxWaitMs?: number;
};

/** The checks of health take up to a second before. Scrapers usually give up after ten. */
const defaultMaxWaitMs = 1_000;

/**
 * Runs all collectors, one after the other, so that they need one connection. If one throws, the error is logged and the others run.
 * A scrape waits no longer than the max for the collectors that may be slow: while PostgreSQL does not answer, each statement takes its
 * whole timeout, and the scraper would get no metrics at all. They then go on, later scrapes wait for the same ones, and gauges without
 * a new value keep the last one.
 */
export const createCollectAll = ({
  first,
  collectors,
  metrics,
  logger,
  maxWaitMs = defaultMaxWaitMs,
}: CollectAllDeps): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  let wasLate = false;
  // The series must exist from the start, because `rate()` does not see the first value of a new series.
  metrics.count('volwatch_metrics_late_collections_total', {}, 0);

  const runAll = async (each: readonly Collector[]): Promise<void> => {
    for (const collect of each) {
      try {
        await collect();
      } catch (error) {
        logger.warn({ error }, 'a metrics collector failed');
      }
    }
  };
  const runSlow = async (): Promise<void> => {
    await runAll(collectors);
    running = undefined;
  };

  return async () => {
    await runAll(first);
    running ??= runSlow();
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(resolve, maxWaitMs, 'late');
    const isLate = (await Promise.race([running, late])) === 'late';
    clearTimeout(timer);
    if (isLate) {
      metrics.count('volwatch_metrics_late_collections_total', {});
      if (!wasLate) logger.warn({ waited_ms: maxWaitMs }, 'a scrape did not wait for all gauges');
    }
    wasLate = isLate;
  };
};
