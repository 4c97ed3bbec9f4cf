import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { PersonalTables } from '#src/kernel/ports/account/personal-data.ts';
import type { Query, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';

export type AccountExportDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly tables: PersonalTables;
  /** Max rows of one table. */
  readonly maxRows: number;
  readonly statementTimeoutMs: number;
};

type Row = Readonly<Record<string, unknown>>;

type AccountExport = {
  readonly user_id: string;
  readonly exported_at: string;
  /** Tables with more rows than the max. Their first rows are in `data`. */
  readonly truncated: readonly string[];
  readonly data: Readonly<Record<string, readonly Row[]>>;
};

/** Everything that the database holds about a user. @throws AppError `token_user_unknown` */
export type ExportAccount = (userId: string) => Promise<AccountExport>;

export const createAccountExport = (deps: AccountExportDeps): ExportAccount => {
  const { unitOfWork, audit, clock, tables, maxRows, statementTimeoutMs } = deps;

  /** SQL, because names of tables and columns come from the declaration. One row more shows whether there are more. */
  const read = (query: Query, table: string, userId: string): Promise<Row[]> => {
    const { exported, where } = tables[table]!;
    const columns = exported.map((column) => `t.${column}`).join(', ');
    return query<Row>(`select ${columns} from ${table} as t where ${where} limit ${maxRows + 1}`, [userId]);
  };

  /** Reads all tables in one state of the database. */
  const readAll = (id: string): Promise<Pick<AccountExport, 'data' | 'truncated'>> =>
    unitOfWork.run(
      { operation: 'account.export', isolation: 'repeatable read', statementTimeoutMs },
      async ({ query }) => {
        if ((await query('select 1 from user_account where id = $1', [id])).length === 0) throw unknownUser();
        const truncated: string[] = [];
        const data: Record<string, readonly Row[]> = {};
        for (const table of Object.keys(tables)) {
          const rows = await read(query, table, id);
          if (rows.length > maxRows) truncated.push(table);
          data[table] = rows.slice(0, maxRows);
        }
        return { data, truncated };
      },
    );

  return async (userId) => {
    if (!isAccountId(userId)) throw unknownUser();
    const id = userId.toLowerCase();
    const { data, truncated } = await readAll(id);
    // In a transaction of its own, because two exports at once would conflict in one of `repeatable read`.
    await unitOfWork.run({ operation: 'account.export' }, (transaction) =>
      audit.record(transaction, {
        stream: `user:${id}`,
        action: 'user.data_exported',
        outcome: 'success',
        target: id,
        data: { rows: Object.values(data).reduce((sum, rows) => sum + rows.length, 0) },
      }),
    );
    return { user_id: id, exported_at: clock.now().toISOString(), truncated, data };
  };
};
