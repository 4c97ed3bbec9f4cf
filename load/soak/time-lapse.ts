import { isTrueWithin } from '#testkit/eventually.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import { agedTables, retentionsOf } from './retention.ts';
import type { RetentionResult } from './verdict.ts';

export type TimeLapse = {
  /** Puts rows that are past their time, and ages rows of the load. A fault can make it fail. */
  readonly step: () => Promise<void>;
  /** Waits until the service has removed the rows. */
  readonly end: (timeoutMs: number) => Promise<RetentionResult[]>;
};

const tableOf = (name: string): string => (name === 'pgboss' ? 'pgboss.job' : name);

/**
 * Lets days pass for the rows of the aged tables, because the shortest retention is an hour.
 * @param keepSeconds time for which rows of the load keep their age
 */
export const createTimeLapse = (databaseUrl: () => string, keepSeconds: number): TimeLapse => {
  const retentions = retentionsOf(`now() - interval '${keepSeconds} seconds'`);
  const names = agedTables();
  const missing = names.filter((name) => retentions[name] === undefined);
  if (missing.length > 0) throw new Error(`load/soak/retention.ts has no entry for ${missing.join(', ')}`);
  const expired = new Map(names.map((name) => [name, 0]));
  const countSql = names
    .map(
      (name) =>
        `select '${name}' as name, count(*)::int as rows from ${tableOf(name)} where ${retentions[name]!.expired}`,
    )
    .join(' union all ');
  const count = async (): Promise<ReadonlyMap<string, number>> =>
    new Map((await statementOn(databaseUrl(), countSql)).map(({ name, rows }) => [String(name), Number(rows)]));
  return {
    step: async () => {
      const before = await count();
      for (const name of names) {
        const { put, age } = retentions[name]!;
        for (const statement of [put, age]) if (statement !== undefined) await statementOn(databaseUrl(), statement);
      }
      // The service can remove some of them before they are counted, so the sum is a lower bound.
      for (const [name, rows] of await count()) {
        expired.set(name, expired.get(name)! + Math.max(0, rows - (before.get(name) ?? 0)));
      }
    },
    end: async (timeoutMs) => {
      let left: ReadonlyMap<string, number> = new Map();
      const isEmpty = async (): Promise<boolean> => {
        // A fault can make it fail.
        left = await count().catch(() => new Map<string, number>());
        return left.size > 0 && [...left.values()].every((rows) => rows === 0);
      };
      await isTrueWithin(isEmpty, timeoutMs, 2_000);
      return names.map((table) => ({ table, expired: expired.get(table)!, left: left.get(table) ?? Infinity }));
    },
  };
};
