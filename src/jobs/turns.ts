import { removePart } from '#src/kernel/lists/removal.ts';
import type { JobQueue } from '#src/kernel/ports/jobs.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';

/*
 * The order of the jobs of several groups is start-time fair queuing (Goyal, Vin, Cheng: Start-time fair queuing, SIGCOMM
 * 1996): the turn of a job is one more than the larger of the last turn of its group and the turn of the job that was
 * started last. So the first job of a group comes before the second waiting job of each other group, however many wait
 * there and since when.
 *
 * Groups of one network share its weight: their turns are further apart by the number of these groups that wait. So the
 * groups of a network together have as many jobs started as one group of another network. Without a network each group has
 * the same weight. A network has a number of places, and pg-boss runs one job of a place at a time. A group has one of them.
 *
 * A job can cost several turns. Then the jobs of other groups that cost less come before it, so a small job does not wait for a large one of each group. The cost
 * is multiplied by a random number from 0.5 to 1.5, because the large jobs of many groups would otherwise have the same turn, and a small one would wait for all of them.
 *
 * A hash stands for a group, because the name of a group contains the id of an owner or the hash of a network, and the rows are kept for a while
 * after his erasure. A group keeps its network and its place while it waits or runs, so that an owner cannot have several.
 */

// SQL: one statement must read, change and return a turn.

/** pg-boss stores the priority of a job, which is its negative turn, as an integer. */
const maxTurn = 2_147_483_647;

/** The name in the data of a job that has a network: the group whose turn it takes. */
export const turnsOf = 'turns_of';
/** The name in the data of a job that costs more than one turn: their number. */
export const turnCost = 'turn_cost';

const startedSql =
  'select coalesce((select turn from job_turn where queue = $1 and group_hash = 0), 0)::bigint as turn';

/** @param groups a query of rows with a `name`, the `cost`, and, or null, the hash of a `network` and a `place`. $1 is the queue. */
const takeSql = (groups: string): string => `
  with started as (${startedSql}), share as (
    select hashtextextended(name, 0) as hash, network, place, started.turn as started, (case when cost > 1 then ceil(cost * (0.5 + random()))::bigint else cost end) * (1 + (
      select count(*) from job_turn other
      where other.queue = $1 and other.network_hash = network and other.group_hash <> hashtextextended(name, 0) and other.turn > started.turn
    )) as distance
    from (${groups}) as wanted, started
  )
  insert into job_turn as own (queue, group_hash, network_hash, place, turn)
  select $1, hash, network, place, least(${maxTurn}, started + distance) from share
  on conflict (queue, group_hash) do update set network_hash = excluded.network_hash, place = excluded.place,
    turn = (select least(${maxTurn}, greatest(own.turn, started) + distance) from share)
  returning turn`;
const takeForSql = takeSql('select $2 as name, $3::bigint as network, $4::int as place, $5::int as cost');

/** One statement for the turns of several groups without a network. Parameters: queue, groups, number of jobs of each group. */
const takeAllSql = `
  with started as (${startedSql}), wanted as (
    select name, jobs, hashtextextended(name, 0) as hash from unnest($2::text[], $3::int[]) as wanted (name, jobs)
  ), taken as (
    insert into job_turn as own (queue, group_hash, turn)
    select $1, hash, least(${maxTurn}, started.turn + jobs) from wanted, started order by hash
    on conflict (queue, group_hash) do update
      set turn = least(${maxTurn}, greatest(own.turn, (select turn from started)) + (select jobs from wanted where hash = own.group_hash))
    returning group_hash, turn
  )
  select name, turn::bigint - jobs as before from wanted join taken on group_hash = hash`;

/** Two parts of the name of the group that pg-boss knows: the hash of the network, and the place. */
const partsOfGroup = `split_part(group_id, '/', 1)::bigint as network, split_part(group_id, '/', 2)::int as place`;

/**
 * The place that a group has while it waits or runs, otherwise the one with fewest groups of the network. Parameters: queue, group,
 * network, number of places.
 */
const placeSql = `
  with started as (${startedSql}), kept as (
    select network_hash as network, place from job_turn, started
    where queue = $1 and group_hash = hashtextextended($2, 0) and job_turn.turn > started.turn and network_hash is not null
    union all
    select ${partsOfGroup} from pgboss.job
    where name = $1 and state = 'active' and group_id is not null and data->>'${turnsOf}' = $2
    limit 1
  ), own as (
    select coalesce((select network from kept), hashtextextended($3, 0)) as network
  ), used as (
    select place from job_turn, started, own
    where queue = $1 and network_hash = network and group_hash <> hashtextextended($2, 0) and job_turn.turn > started.turn
    union all
    select split_part(group_id, '/', 2)::int from pgboss.job, own
    where name = $1 and state = 'active' and group_id is not null and starts_with(group_id, network || '/')
  )
  select network::text, coalesce((select place from kept), (
    select number from generate_series(0, $4::int - 1) as number left join used on place = number
    group by number order by count(place), number limit 1
  )) as place from own`;

/** A network whose groups share turns and places. */
export type NetworkOfJob = {
  /** Not an address, because a hash of it is stored. */
  readonly name: string;
  /** Max number of jobs of the network that one process runs at a time. */
  readonly places: number;
};

/** `cost`: how many turns the job takes. */
export type TurnOptions = {
  readonly group: string;
  readonly network?: NetworkOfJob | undefined;
  readonly cost?: number | undefined;
};

/** The turn of a new job, and the group that pg-boss must know it by. */
export type Turn = { readonly turn: number; readonly group: string };

/**
 * Returns the turn of a new job. The row of the group is locked until the end of the transaction, so a transaction with
 * jobs of several groups must use `takeTurns`.
 */
export const takeTurn = async (
  query: Query,
  queue: JobQueue,
  { group, network, cost = 1 }: TurnOptions,
): Promise<Turn> => {
  const [own] = network
    ? await query<{ network: string; place: number }>(placeSql, [queue, group, network.name, network.places])
    : [];
  const [row] = await query<{ turn: number }>(takeForSql, [
    queue,
    group,
    own?.network ?? null,
    own?.place ?? null,
    cost,
  ]);
  return { turn: row!.turn, group: own ? `${own.network}/${own.place}` : group };
};

/**
 * Takes the turns of new jobs of several groups, in the order of their locks.
 * @param groups the group of each job
 * @returns a function that gives each job of a group its turn
 */
export const takeTurns = async (
  query: Query,
  queue: JobQueue,
  groups: readonly string[],
): Promise<(group: string) => number> => {
  const jobs = new Map<string, number>();
  for (const group of groups) jobs.set(group, (jobs.get(group) ?? 0) + 1);
  if (jobs.size === 0) return () => 0;
  const rows = await query<{ name: string; before: number }>(takeAllSql, [queue, [...jobs.keys()], [...jobs.values()]]);
  const last = new Map(rows.map(({ name, before }) => [name, before]));
  return (group) => {
    const turn = last.get(group)! + 1;
    last.set(group, turn);
    return turn;
  };
};

/** Stores that a job of this turn was started. Parameters: queue, turn. */
export const startTurnSql = `
  insert into job_turn as own (queue, group_hash, turn) values ($1, 0, $2)
  on conflict (queue, group_hash) do update set turn = excluded.turn where own.turn < excluded.turn`;

const costOfJob = `coalesce((data->>'${turnCost}')::int, 1) as cost`;
/** Where a job has a network, its data name the group that takes turns. */
const takeForJobSql = takeSql(`
  select data->>'${turnsOf}' as name, ${partsOfGroup}, ${costOfJob} from pgboss.job where name = $1 and id = $2 and data ? '${turnsOf}'
  union all
  select group_id, null, null, ${costOfJob} from pgboss.job where name = $1 and id = $2 and group_id is not null and not data ? '${turnsOf}'`);

/** Gives a running job a new turn, for its retry. Parameters: queue, id. */
export const renewTurnSql = `
  with taken as (${takeForJobSql})
  update pgboss.job set priority = -(select turn from taken)
  where name = $1 and id = $2 and state = 'active' and exists (select 1 from taken)`;

/**
 * Lets a running job wait again. Parameters: queue, id, seconds. Its attempt does not count. It gets a new turn, because with its
 * old one it would come before the jobs of all other groups each time. pg-boss has no function that sets the time of a running job,
 * and in two steps another worker could take the job before its time.
 * Without turns jobs of one priority begin in the order of their creation. The job counts as created at its new time and without the priority of the first ones: otherwise
 * jobs that are put back again and again would come before all newer ones.
 */
export const putBackSql = `
  with taken as (${takeForJobSql})
  update pgboss.job set state = 'created', started_on = null, heartbeat_on = null, start_after = now() + $3 * interval '1 second',
    created_on = now() + $3 * interval '1 second', priority = coalesce(-(select turn from taken), least(priority, 0))
  where name = $1 and id = $2 and state = 'active'`;

const standsInSql = `name = $1 and state = 'created' and retry_count = 0 and policy = 'exclusive' and starts_with(singleton_key, $2)`;

/**
 * Finds a waiting job whose key begins with the text, and keeps workers from it until the end of the transaction: they skip locked
 * rows. Parameters: queue, beginning. A job that has failed before is not taken, because it has fewer attempts left, and with its last one the later changes
 * would be given up too.
 */
export const holdWaitingSql = `select 1 from pgboss.job where ${standsInSql} limit 1 for share skip locked`;

/** Finds a waiting job with all attempts whose key begins with the text. Parameters: queue, beginning. */
export const findWaitingSql = `select 1 from pgboss.job where ${standsInSql} limit 1`;

/** Removes the jobs whose key begins with the text and that wait after a failure. Parameters: queue, beginning. A row for each. */
export const removeFailedSql = `delete from pgboss.job
  where name = $1 and (state = 'retry' or state = 'created' and retry_count > 0) and policy = 'exclusive' and starts_with(singleton_key, $2) returning 1`;

/** Removes waiting jobs. Parameters: queue, keys. The condition is that of the index of keys; pg-boss itself removes jobs by their ids. */
export const removeWaitingSql = `delete from pgboss.job
  where name = $1 and state < 'active' and policy = 'exclusive' and coalesce(singleton_key, '') = any($2)`;

const noneWaitsSql = `not exists (select 1 from pgboss.job where name = job_turn.queue and state < 'active' and priority < 0)`;
const turnsOfGroups = {
  table: 'job_turn',
  where: `group_hash <> 0 and (${noneWaitsSql}
    or turn <= (select turn from job_turn started where started.queue = job_turn.queue and group_hash = 0))`,
};
const turnsOfStarted = {
  table: 'job_turn',
  where: `group_hash = 0 and ${noneWaitsSql}
    and not exists (select 1 from job_turn other where other.queue = job_turn.queue and other.group_hash <> 0)`,
};

/**
 * Removes a part of the turns that have no effect any more: of groups whose last turn was passed, and all of a queue in which no job with a turn
 * waits. The turn that was started last comes after those of its groups. Without it other groups begin at 1, and the next job of a group whose row is left
 * would wait behind all of theirs.
 * @returns the number of rows
 */
export const removeOldTurns = async ({ query }: Transaction): Promise<number> => {
  const groups = await removePart(query, turnsOfGroups);
  return groups > 0 ? groups : removePart(query, turnsOfStarted);
};
