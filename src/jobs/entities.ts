import { defineEntity, p } from '@mikro-orm/core';

/** The last turn of a group of jobs. The row with `groupHash` 0 has the turn of the job of the queue that was started last. */
const JobTurnEntity = defineEntity({
  name: 'JobTurn',
  tableName: 'job_turn',
  properties: {
    queue: p.text().primary(),
    groupHash: p.bigint().primary(),
    turn: p.integer(),
    networkHash: p.bigint().nullable(),
    place: p.integer().nullable(),
  },
});

export const jobEntities = [JobTurnEntity];
