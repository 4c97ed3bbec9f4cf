import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { PersonalTables } from '#src/kernel/ports/account/personal-data.ts';
import type { Query, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ByteCount } from '#src/kernel/memory/byte-count.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';

export type AccountExportDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly tables: PersonalTables;
  /** Max rows of one table. */
  readonly maxRows: number;
  /** Max bytes of the rows of all tables. */
  readonly maxBytes: number;
  readonly statementTimeoutMs: number;
  /** Counts the bytes of an export until it is complete. Then they count as an answer. */
  readonly unfinishedAnswers: ByteCount;
};

/**
 * Rows that are read and serialised before the event loop gets a turn. A row of the largest texts has about 6 KB, so a
 * step costs about 3 ms.
 */
const rowsOfStep = 50;

/** Everything that the database holds about a user: the bytes of one JSON document. @throws AppError `token_user_unknown` */
export type ExportAccount = (userId: string) => Promise<Uint8Array[]>;

type Collected = {
  readonly pieces: Uint8Array[];
  readonly truncated: string[];
  /** End the counts of the pieces. */
  readonly counts: (() => void)[];
  rows: number;
  bytes: number;
};

export const createAccountExport = (deps: AccountExportDeps): ExportAccount => {
  const { unitOfWork, audit, clock, tables, maxRows, maxBytes, statementTimeoutMs, unfinishedAnswers } = deps;

  // SQL, because names of tables and columns come from the declaration.
  const rowsOf = (table: string, max: number): string => {
    const { exported, where } = tables[table]!;
    return `select ${exported.map((column) => `t.${column}`).join(', ')} from ${table} as t where ${where} limit ${max}`;
  };

  /**
   * The tables that have rows of the user. Each statement takes a turn of the event loop, which is 100 ms beside many other requests, and most of the
   * tables have no rows of most users.
   */
  const filledTables = async (query: Query, userId: string): Promise<ReadonlySet<string>> => {
    const tests = Object.entries(tables).map(
      ([table, { where }]) => `exists (select 1 from ${table} as t where ${where}) as ${table}`,
    );
    const [found] = await query<Record<string, boolean>>(`select ${tests.join(', ')}`, [userId]);
    return new Set(Object.keys(tables).filter((table) => found?.[table] === true));
  };

  /** The rows of a table, step by step. */
  const steps = async function* (query: Query, table: string, userId: string): AsyncGenerator<unknown[]> {
    const first = await query(rowsOf(table, rowsOfStep), [userId]);
    if (first.length < rowsOfStep) {
      yield first;
      return;
    }
    // The cursor ends with the transaction, also where a max ends the steps.
    const cursor = `export_of_${table}`;
    await query(`declare ${cursor} no scroll cursor for ${rowsOf(table, maxRows + 1)}`, [userId]);
    for (let isLast = false; !isLast;) {
      const step = await query(`fetch forward ${rowsOfStep} from ${cursor}`);
      isLast = step.length < rowsOfStep;
      yield step;
    }
  };

  /** Adds the rows of a table as a JSON list. At the max of rows or bytes the list ends, and the table is truncated. */
  const addTable = async (query: Query, table: string, userId: string, collected: Collected): Promise<void> => {
    const write = (text: string): void => {
      const piece = Buffer.from(text);
      collected.pieces.push(piece);
      collected.counts.push(unfinishedAnswers.add(piece.byteLength));
    };
    let rows = 0;
    let isFull = false;
    for await (const step of steps(query, table, userId)) {
      const kept: string[] = [];
      for (const row of step) {
        const text = JSON.stringify(row);
        collected.bytes += Buffer.byteLength(text);
        isFull = rows + kept.length === maxRows || collected.bytes > maxBytes;
        if (isFull) {
          collected.truncated.push(table);
          break;
        }
        kept.push(text);
      }
      if (kept.length > 0) write(`${rows > 0 ? ',' : ''}${kept.join(',')}`);
      rows += kept.length;
      if (isFull) break;
    }
    collected.rows += rows;
  };

  /** Reads all tables in one state of the database. */
  const readAll = (id: string, counts: Collected['counts']): Promise<Collected> =>
    unitOfWork.run(
      { operation: 'account.export', isolation: 'repeatable read', statementTimeoutMs },
      async ({ query }) => {
        if ((await query('select 1 from user_account where id = $1', [id])).length === 0) throw unknownUser();
        const collected: Collected = { pieces: [], truncated: [], counts, rows: 0, bytes: 0 };
        const filled = await filledTables(query, id);
        for (const [index, table] of Object.keys(tables).entries()) {
          collected.pieces.push(Buffer.from(`${index > 0 ? ',' : ''}${JSON.stringify(table)}:[`));
          if (filled.has(table)) await addTable(query, table, id, collected);
          collected.pieces.push(Buffer.from(']'));
        }
        return collected;
      },
    );

  const exportOf = async (id: string, counts: Collected['counts']): Promise<Uint8Array[]> => {
    const { pieces, truncated, rows } = await readAll(id, counts);
    // In a transaction of its own, because two exports at once would conflict in one of `repeatable read`.
    await unitOfWork.run({ operation: 'account.export' }, (transaction) =>
      audit.record(transaction, {
        stream: `user:${id}`,
        action: 'user.data_exported',
        outcome: 'success',
        target: id,
        data: { rows },
      }),
    );
    const head = JSON.stringify({ user_id: id, exported_at: clock.now().toISOString(), truncated });
    return [Buffer.from(`${head.slice(0, -1)},"data":{`), ...pieces, Buffer.from('}}')];
  };

  return async (userId) => {
    if (!isAccountId(userId)) throw unknownUser();
    const counts: Collected['counts'] = [];
    try {
      return await exportOf(userId.toLowerCase(), counts);
    } finally {
      for (const end of counts) end();
    }
  };
};
