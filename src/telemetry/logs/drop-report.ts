import type { Clock } from '../../kernel/ports/clock.ts';
import type { Logger } from '../../kernel/ports/logger.ts';
import type { LabelsOf, Metrics } from '../../kernel/catalogue/metrics.ts';

type Labels = LabelsOf<'volwatch_telemetry_dropped_total'>;
export type DropReport = (signal: Labels['signal'], reason: Labels['reason'], items: number) => void;

/** Milliseconds; an outage of the Collector must not become one of the log. */
const mostOftenMs = 60_000;

/** Counts every lost item at once and warns of all since the last warning, at most once a minute. */
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
    if (clock.monotonic() - warnedAt < mostOftenMs) return;
    // First the state: the warning may itself be a line that is lost.
    warnedAt = clock.monotonic();
    const dropped = unreported;
    unreported = {};
    logger.warn({ dropped }, 'telemetry is dropped');
  };
};
