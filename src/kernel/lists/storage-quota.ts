import type { AbuseReport } from '../catalogue/abuse.ts';
import { AppError } from '../catalogue/errors.ts';
import type { AuditQuotaGroup } from '../catalogue/audit-actions.ts';
import { currentRequest } from '../requests/request-context.ts';

/** Closed set: the `code` in the `errors` of a `quota_exceeded` problem. */
type StorageQuota =
  | 'pricing_jobs'
  | 'pricing_job_rows'
  | 'pricing_job_bytes'
  | 'pricing_job_bytes_of_network'
  | 'pricing_job_bytes_of_all_callers'
  | 'pricing_job_written_bytes'
  | 'pricing_job_written_bytes_of_network'
  | 'pricing_job_written_bytes_of_all_callers'
  | 'idempotency_keys'
  | 'webhook_tests'
  | 'users_without_sign_in'
  | 'registrations_of_network'
  | 'refresh_tokens'
  | 'calendar_sync_bytes'
  | 'calendar_events'
  | 'calendar_event_bytes'
  | 'calendar_event_bytes_of_all_owners'
  | 'mail_messages'
  | `${AuditQuotaGroup}_in_a_day`
  | `${AuditQuotaGroup}_in_30_days`;

export type QuotaUse = {
  readonly quota: StorageQuota;
  /** The amount that would be stored after this request, in `unit`. */
  readonly wanted: number;
  readonly max: number;
  readonly unit:
    | 'bytes'
    | 'rows'
    | 'jobs'
    | 'keys'
    | 'events'
    | 'users'
    | 'messages'
    | 'objects'
    | 'tokens'
    | 'changes'
    | 'sign-ins'
    | 'exports'
    | 'refreshes and uploads';
  /** What the caller can do, as a sentence. */
  readonly remedy: string;
};

/**
 * Refuses a request that would exceed a quota, and reports the refusal.
 * @throws AppError `quota_exceeded`; its detail has quota, amount and remedy
 */
export const assertWithinQuota = (abuse: AbuseReport, { quota, wanted, max, unit, remedy }: QuotaUse): void => {
  if (wanted <= max) return;
  abuse.refused('storage_quota', currentRequest()?.clientIp);
  const detail = `The quota ${quota} is ${max} ${unit}; this request needs ${wanted}. ${remedy}`;
  throw new AppError('quota_exceeded', detail, { errors: [{ pointer: '', code: quota, detail }] });
};
