import type { Migration } from '../migration.ts';

/** A rotation replaces the end of a key, so the end that was planned before it has a column. A repeated rotation needs it. */
export const plannedEndsOfApiKeys: Migration = {
  name: '0078-planned-ends-of-api-keys',
  up: [
    `alter table api_key add column if not exists rotated_at timestamptz,
       add column if not exists planned_end timestamptz`,
  ],
  down: ['alter table api_key drop column rotated_at, drop column planned_end'],
};
