import type { JobQueue } from '#src/kernel/ports/jobs.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';

/*
 * The order of the jobs of several groups is start-time fair queuing (Goyal, Vin, Cheng: Start-time fair queuing, SIGCOMM
 * 1996) with the same weight for each group and job: the turn of a job is one more than the larger of the last turn of its
 * group and the turn of the job that was started last. So the first job of a group comes before the second waiting job of
 * each other group, however many wait there and since when.
 *
 * A hash stands for a group, because the name of a group contains the id of an owner or the hash of a network, and the rows are kept for a while
 * after his erasure.
 */

// SQL: one statement must read, change and return a turn.

/** pg-boss stores the priority of a job, which is its negative turn, as an integer. */
const maxTurn = 2_147_483_647;

/** @param groups a query of rows with a `name`. $1 is the queue. */
const takeSql = (groups: string): string => `
  insert into job_turn as own (queue, group_hash, turn)
  select $1, hashtextextended(name, 0), least(${maxTurn - 1}, coalesce((select turn from job_turn where queue = $1 and group_hash = 0), 0)) + 1
  from (${groups}) as groups
  on conflict (queue, group_hash) do update set turn = least(${maxTurn - 1}, greatest(own.turn, excluded.turn - 1)) + 1
  returning turn`;
const takeForSql = takeSql('select $2 as name');

/**
 * Returns the turn of a new job. The row of the group is locked until the end of the transaction, so a transaction with
 * jobs of several groups must enqueue them in the order of the groups.
 */
export const takeTurn = async (query: Query, queue: JobQueue, group: string): Promise<number> => {
  const [row] = await query<{ turn: number }>(takeForSql, [queue, group]);
  return row!.turn;
};

/** Stores that a job of this turn was started. Parameters: queue, turn. */
export const startTurnSql = `
  insert into job_turn as own (queue, group_hash, turn) values ($1, 0, $2)
  on conflict (queue, group_hash) do update set turn = excluded.turn where own.turn < excluded.turn`;

const takeForJobSql = takeSql(
  'select group_id as name from pgboss.job where name = $1 and id = $2 and group_id is not null',
);

/** Gives a running job a new turn, for its retry. Parameters: queue, id. */
export const renewTurnSql = `
  with taken as (${takeForJobSql})
  update pgboss.job set priority = -(select turn from taken)
  where name = $1 and id = $2 and state = 'active' and exists (select 1 from taken)`;

/**
 * Lets a running job wait again. Parameters: queue, id, seconds. Its attempt does not count. It gets a new turn, because with its
 * old one it would come before the jobs of all other groups each time. pg-boss has no function that sets the time of a running job,
 * and in two steps another worker could take the job before its time.
 */
export const putBackSql = `
  with taken as (${takeForJobSql})
  update pgboss.job set state = 'created', started_on = null, heartbeat_on = null, start_after = now() + $3 * interval '1 second',
    priority = coalesce(-(select turn from taken), priority)
  where name = $1 and id = $2 and state = 'active'`;

/** Removes waiting jobs. Parameters: queue, keys. The condition is that of the index of keys; pg-boss itself removes jobs by their ids. */
export const removeWaitingSql = `delete from pgboss.job
  where name = $1 and state < 'active' and policy = 'exclusive' and coalesce(singleton_key, '') = any($2)`;

/**
 * Removes the turns that have no effect any more: of groups whose last turn was passed, and all of a queue in which no job
 * with a turn waits.
 * @returns the number of rows
 */
export const removeOldTurns = async ({ query }: Transaction): Promise<number> =>
  (
    await query(
      `delete from job_turn own
       where (group_hash <> 0 and turn <= (select turn from job_turn started where started.queue = own.queue and group_hash = 0))
         or not exists (select 1 from pgboss.job where name = own.queue and state < 'active' and priority < 0)
       returning 1`,
    )
  ).length;
