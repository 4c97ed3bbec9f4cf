import { AppError, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { RefreshRecord } from './refresh-records.ts';

/** Counts an error of a refresh. The label `http_route` is empty, because a refresh is not an answer of a route. */
export const countRefreshError = (metrics: Metrics, code: ErrorCode): void =>
  metrics.count('volwatch_errors_total', { category: errorTable[code].category, code, http_route: '' });

/** Counts the error of an ended record. The process that has ended the record calls it once, after the commit. */
export const countFailedRefresh = (metrics: Metrics, { error }: RefreshRecord): void => {
  if (error) countRefreshError(metrics, error.code);
};

/** The answer for a caller that has waited for a refresh that failed. Undefined if the refresh has succeeded. */
export const refreshFailure = (record: RefreshRecord, headers: Record<string, string>): AppError | undefined =>
  record.error
    ? new AppError(record.error.code, record.error.detail, { headers, members: { refresh: record } })
    : undefined;
