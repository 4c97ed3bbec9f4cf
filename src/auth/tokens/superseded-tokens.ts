import type { Query } from '#src/kernel/ports/unit-of-work.ts';

/**
 * A used token whose access token has expired has no further use when it names its family: its reuse is detected without
 * the row. 5 minutes are the max clock tolerance of the configuration; a request that raced for the token is over by then.
 */
const isSupersededSql = `names_family and used_at < $1::timestamptz - interval '5 minutes'
  and access_expires_at < $1::timestamptz - interval '5 minutes'`;

export const removeSupersededTokensSql = `delete from refresh_token where ${isSupersededSql} returning 1`;

/** Removes the superseded tokens of one family. @returns the number of tokens that are left */
export const removeSuperseded = async (query: Query, familyId: string, now: Date): Promise<number> => {
  // SQL, because one statement deletes any number of rows.
  await query(`delete from refresh_token where family_id = $2 and ${isSupersededSql}`, [now, familyId]);
  const [left] = await query<{ tokens: number }>(
    'select count(*)::int as tokens from refresh_token where family_id = $1',
    [familyId],
  );
  return left!.tokens;
};
