import type { Migration } from '../migration.ts';

/** The network of a group of jobs and its place there, so that the groups of one network share its turns and places. */
export const networksOfTurns: Migration = {
  name: '0057-networks-of-turns',
  up: ['alter table job_turn add column network_hash bigint null, add column place int null'],
  down: ['alter table job_turn drop column network_hash, drop column place'],
};
