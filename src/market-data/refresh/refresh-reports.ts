import { errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Universe } from '../indexes/universes.ts';
import type { StoredResult } from '../series/stored-result.ts';
import type { RowCounts } from '../uploads/row-error.ts';
import { hasSucceeded, maxListedSeries, type Outcome, type RefreshRecord } from './refresh-records.ts';

const maxQuarantinedInLog = 5;

const uploadOutcomes = ['stored', 'refused', 'failed'] as const;

/** A file that the caller must change is refused. A client that left is no fault of the file. */
const uploadOutcomeOf = (reason: Outcome['reason']): (typeof uploadOutcomes)[number] => {
  if (reason === null) return 'stored';
  return errorTable[reason].category === 'validation' && reason !== 'request_timeout' ? 'refused' : 'failed';
};

/** Makes the series of a universe exist, because Prometheus cannot see the increase of a series that appears later. */
export const initUploadMetrics = (metrics: Metrics, universe: string): void => {
  for (const outcome of uploadOutcomes) metrics.count('volwatch_uploads_total', { universe, outcome }, 0);
};

/** Metrics and log lines of refreshes. */
export const createRefreshReports = ({
  metrics,
  logger,
  clock,
}: {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}) => {
  const reportSeries = (id: string, { name: universe }: Universe, stored: StoredResult): void => {
    const { quarantined, held, replaced, heldBack } = stored;
    if (replaced.length > 0) {
      for (const { reason } of replaced) metrics.count('volwatch_series_replaced_total', { reason });
      logger.warn(
        { universe, refresh_id: id, replaced: replaced.length, series: replaced.slice(0, maxListedSeries) },
        'the stored history of series was replaced: see docs/market-data.md#restated-history',
      );
    }
    if (quarantined === 0) return;
    metrics.count('volwatch_prices_quarantined_total', { universe }, quarantined);
    logger.error(
      {
        universe,
        refresh_id: id,
        quarantined,
        first: held.slice(0, maxQuarantinedInLog),
        series: heldBack.slice(0, maxListedSeries),
      },
      'prices that are not believed were held back: see docs/market-data.md#quarantine',
    );
  };

  const reportRows = (stored: StoredResult | undefined, { errors_total: refused }: RowCounts): void => {
    metrics.count('volwatch_upload_rows_total', { outcome: 'written' }, stored?.prices ?? 0);
    metrics.count('volwatch_upload_rows_total', { outcome: 'held_back' }, stored?.quarantined ?? 0);
    metrics.count('volwatch_upload_rows_total', { outcome: 'refused' }, refused);
  };

  const reportUpload = ({ name: universe }: Universe, { reason }: Outcome): void => {
    initUploadMetrics(metrics, universe);
    metrics.count('volwatch_uploads_total', { universe, outcome: uploadOutcomeOf(reason) });
  };

  const report = (record: RefreshRecord, outcome: Outcome, startedAt: number): void => {
    const { universe, status } = record;
    // If another process has closed the record, the metric shows the status of the record.
    const label = status === 'running' ? outcome.status : status;
    const seconds = (clock.monotonic() - startedAt) / 1000;
    metrics.observe('volwatch_refresh_duration_seconds', { universe, outcome: label }, seconds);
    if (!hasSucceeded(label)) return;
    for (const kind of ['assets', 'prices', 'index_values'] as const) {
      metrics.count('volwatch_refresh_rows_total', { kind }, record[kind]);
    }
    metrics.set('volwatch_refresh_last_success_timestamp_seconds', { universe }, clock.now().getTime() / 1000);
    logger.info({ universe, refresh_id: record.id, prices: record.prices }, 'refresh succeeded');
  };

  return { reportSeries, reportRows, reportUpload, report };
};
