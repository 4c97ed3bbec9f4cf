import type { Migration } from '../migration.ts';

/**
 * Universes have schedules. Until now a definition could only say null, which had no meaning. From now on null means
 * that there is no schedule, so these members are removed. Their universes then follow REFRESH_SCHEDULES as before.
 */
export const universeSchedules: Migration = {
  name: '0045-universe-schedules',
  up: [`update universe set definition = definition - 'schedule'`],
  // The code of this migration knows neither schedules nor exchanges, and refuses to answer with them.
  down: [`update universe set definition = definition - 'exchange' || '{"schedule": null}'::jsonb`],
};
