import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { leftOutReasons } from './calculation/left-out.ts';
import type { CalculatedIndexes } from './calculate-index-values.ts';

const maxInLog = 5;

export type ReportIndexesDeps = { readonly metrics: Metrics; readonly logger: Logger };

/**
 * Reports how the indexes of a universe were calculated, and which constituents they lack.
 * @param refresh its `id` is undefined for a calculation without a refresh
 */
export const reportIndexes = (
  { metrics, logger }: ReportIndexesDeps,
  refresh: { readonly id: string | undefined; readonly universe: string },
  { extents, leftOut }: CalculatedIndexes,
): void => {
  const { id, universe } = refresh;
  for (const extent of extents) metrics.count('volwatch_index_calculations_total', { extent });
  for (const reason of leftOutReasons) {
    const count = leftOut.filter((each) => each.reason === reason).length;
    metrics.count('volwatch_index_constituents_left_out_total', { universe, reason }, count);
  }
  if (leftOut.length === 0) return;
  logger.warn(
    { universe, refresh_id: id, left_out: leftOut.length, first: leftOut.slice(0, maxInLog) },
    'indexes lack constituents: see docs/indexes.md#constituents-that-are-left-out',
  );
};
