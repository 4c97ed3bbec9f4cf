import type { Migration } from '../migration.ts';

/** Each refusal sums what its hour recorded. Without the index it would read all windows of the hour, also those that recorded nothing. */
export const recordedRefusals: Migration = {
  name: '0071-recorded-refusals',
  up: [
    'create index if not exists audit_refusal_window_recorded_index on audit_refusal_window (started_at, recorded)',
    'drop index audit_refusal_window_started_index',
  ],
  down: [
    'create index audit_refusal_window_started_index on audit_refusal_window (started_at)',
    'drop index audit_refusal_window_recorded_index',
  ],
};
