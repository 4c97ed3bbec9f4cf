import { statementOn } from '#testkit/servers/replica.ts';

/**
 * Checks that each refresh or upload that a caller got an answer for is stored. A failover must not lose one.
 * @param ids the ids of the answers; empty ones are left out
 * @throws Error with the first id that is lost
 */
export const assertAcknowledged = async (databaseUrl: string, ids: readonly string[]): Promise<void> => {
  const acknowledged = ids.filter((id) => id !== '');
  const rows = await statementOn(databaseUrl, 'select id from refresh');
  const stored = new Set(rows.map(({ id }) => String(id)));
  const [first, ...others] = acknowledged.filter((id) => !stored.has(id));
  if (first === undefined) return;
  throw new Error(
    `${others.length + 1} of ${acknowledged.length} acknowledged refreshes are lost, the first is ${first}`,
  );
};
