import type { Query } from '../ports/unit-of-work.ts';

// SQL: retention and clean-up delete sets.

/** Timeout of a statement that removes rows that are due. Callers decide how many these are: a sign-in has thousands of tokens, and jobs some GiB. */
export const removalStatementMs = 600_000;

/**
 * Runs removals one after the other. A removal that fails keeps no other from running.
 * @param signal no removal begins after it is aborted
 * @returns the sum of their numbers of rows
 * @throws the error of the first one that failed, after the others were tried
 */
export const removeEach = async (removals: Iterable<() => Promise<number>>, signal?: AbortSignal): Promise<number> => {
  const errors: unknown[] = [];
  let removed = 0;
  for (const remove of removals) {
    if (signal?.aborted) break;
    try {
      removed += await remove();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return removed;
};

/** Rows of one transaction of a retention, because callers decide how many are due, and a transaction holds locks and keeps the vacuum from its work. */
export const rowsPerPart = 10_000;

/** Removes rows. @param statement `delete` without `returning`. @returns their number, which the server counts: one row for each would be in memory at once */
export const countRemoved = async (
  query: Query,
  statement: string,
  parameters: readonly unknown[] = [],
): Promise<number> => {
  const counted = `with removed as (${statement} returning 1) select count(*)::int as rows from removed`;
  const [row] = await query<{ rows: number }>(counted, parameters);
  return row!.rows;
};

export type Part = {
  readonly table: string;
  /** Condition of the rows that are due. It names the columns of the table by the name of the table where subqueries need it. */
  readonly where: string;
  /** Max rows. Less for rows whose removal removes many others or many bytes. */
  readonly rows?: number;
};

/**
 * Removes a part of the rows that are due. A row that another transaction holds is left for the next run: it may be changed so that it is not due any more.
 * @returns the number of rows; 0 if none is left
 */
export const removePart = (
  query: Query,
  { table, where, rows = rowsPerPart }: Part,
  parameters: readonly unknown[] = [],
): Promise<number> =>
  countRemoved(
    query,
    `delete from ${table} where ctid = any(array(
       select ${table}.ctid from ${table} where ${where} limit ${rows} for update skip locked))`,
    parameters,
  );

/** Repeats short work until there is none left. @returns the sum of the numbers */
export const repeatUntilNone = async (work: () => Promise<number>): Promise<number> => {
  let sum = 0;
  for (let done = await work(); done > 0; done = await work()) sum += done;
  return sum;
};
