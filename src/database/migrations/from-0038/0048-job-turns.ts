import type { Migration } from '../migration.ts';

/** `job_turn` has the last turn of each group of jobs of a queue, and of the queue itself (`group_hash` 0). */
export const jobTurns: Migration = {
  name: '0048-job-turns',
  up: [
    `create table job_turn (
      queue text not null,
      group_hash bigint not null,
      turn integer not null,
      primary key (queue, group_hash)
    )`,
  ],
  down: ['drop table job_turn'],
};
