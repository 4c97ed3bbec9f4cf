import type { Reader, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { arrayLiteral } from '../sql.ts';
import { inWrittenSpan, type WrittenSpan } from './index-values.ts';
import type { IndexPlan } from './calculation/index-plan.ts';
import { checkpointDays, type Checkpoint, type DivisorChange } from './calculation/index-run.ts';
import { decodeState, emptyState, type IndexState } from './calculation/index-state.ts';

// SQL: checkpoints and divisors are written and deleted as sets.

type Query = Pick<Transaction, 'query'>;

/** The state of a checkpoint. Without one, or with one of another plan, a state before the first day. */
export const stateAt = (plan: IndexPlan, checkpoint: Checkpoint | undefined): IndexState =>
  (checkpoint && decodeState(plan, checkpoint)) ?? emptyState(plan);

/** The state of the last checkpoint before the day. Without one, a state before the first day. */
export const stateBefore = async (
  { query }: Pick<Reader, 'query'>,
  id: number,
  plan: IndexPlan,
  day: string,
): Promise<IndexState> => {
  const [row] = await query<Checkpoint>(
    `select date, ordinal, state from index_checkpoint where index_id = $1 and date < $2
     order by date desc limit 1`,
    [id, day],
  );
  return stateAt(plan, row);
};

/** The state after the last calculated day. */
export const newestState = (reader: Pick<Reader, 'query'>, id: number, plan: IndexPlan): Promise<IndexState> =>
  stateBefore(reader, id, plan, 'infinity');

/** Limits the memory of one statement. */
const maxStatementBytes = 250_000;

/** The checkpoints of the span become those of the list. After the last span only the last two that are not due stay. */
export const writeCheckpoints = async (
  { query }: Query,
  id: number,
  checkpoints: readonly Checkpoint[],
  { after, until }: WrittenSpan,
): Promise<void> => {
  await query(`delete from index_checkpoint where index_id = $1 and ${inWrittenSpan(2, 3)}`, [id, after, until]);
  const [first] = checkpoints;
  const perStatement = first ? Math.max(1, Math.floor(maxStatementBytes / first.state.length)) : 1;
  for (let start = 0; start < checkpoints.length; start += perStatement) {
    const part = checkpoints.slice(start, start + perStatement);
    await query(
      `insert into index_checkpoint (index_id, date, ordinal, state)
       select $1, * from unnest($2::date[], $3::int[], $4::bytea[])`,
      [
        id,
        arrayLiteral(part.map(({ date }) => date)),
        arrayLiteral(part.map(({ ordinal }) => ordinal)),
        part.map(({ state }) => state),
      ],
    );
  }
  if (until !== null) return;
  await query(
    `delete from index_checkpoint where index_id = $1 and ordinal % $2 <> 0 and date < (
       select min(date) from (select date from index_checkpoint where index_id = $1 order by date desc limit 2) as newest
     )`,
    [id, checkpointDays],
  );
};

/** The changes of the divisor in the span become those of the list. */
export const writeDivisors = async (
  { query }: Query,
  id: number,
  changes: readonly DivisorChange[],
  { after, until }: WrittenSpan,
): Promise<void> => {
  await query(`delete from index_divisor where index_id = $1 and ${inWrittenSpan(2, 3)}`, [id, after, until]);
  await query(
    `insert into index_divisor (index_id, date, before, after, causes)
     select $1, change.date, change.before, change.after, change.causes::jsonb
     from unnest($2::date[], $3::float8[], $4::float8[], $5::text[]) as change (date, before, after, causes)`,
    [
      id,
      arrayLiteral(changes.map(({ date }) => date)),
      arrayLiteral(changes.map(({ before }) => before)),
      arrayLiteral(changes.map(({ after: divisor }) => divisor)),
      changes.map(({ causes }) => JSON.stringify(causes)),
    ],
  );
};
