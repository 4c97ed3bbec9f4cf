import type { Clock } from '../../kernel/ports/clock.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import type { LabelsOf, Metrics } from '../../kernel/catalogue/metrics.ts';

type Labels = LabelsOf<'volwatch_telemetry_dropped_total'>;
export type DropReport = (signal: Labels['signal'], reason: Labels['reason'], items: number) => void;

/** At most one warning in this time, because an outage of the Collector must not fill the log. */
const minIntervalMs = 60_000;

/** Counts every lost item immediately. Logs the number of lost items at most once a minute. */
export const createDropReport = (deps: {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}): DropReport => {
  const { metrics, logger, clock } = deps;
  let warnedAt = -Infinity;
  let unreported: Record<string, number> = {};
  return (signal, reason, items) => {
    metrics.count('volwatch_telemetry_dropped_total', { signal, reason }, items);
    const cause = `${signal}_${reason}`;
    unreported[cause] = (unreported[cause] ?? 0) + items;
    if (clock.monotonic() - warnedAt < minIntervalMs) return;
    // The state changes before the warning is logged, because the warning itself can be dropped and call this again.
    warnedAt = clock.monotonic();
    const dropped = unreported;
    unreported = {};
    logger.warn({ dropped }, 'telemetry is dropped');
  };
};
