import type { Migration } from '../migration.ts';

/** What the settings and presets of the user meant when the job was opened. Null for clients, and for jobs of an earlier version. */
export const pricingJobDefaults: Migration = {
  name: '0037-pricing-job-defaults',
  up: ['alter table pricing_job add column defaults jsonb null'],
  down: ['alter table pricing_job drop column defaults'],
};
