import type { z } from 'zod';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Query, UnitOfWork, Reader } from '#src/kernel/ports/unit-of-work.ts';

/** Schemas of the members that a user may change. Each member is a column of the table. */
export type DocumentShape = Readonly<Record<string, z.ZodType>>;

export type DocumentsDeps<Shape extends DocumentShape> = {
  readonly table: 'account_profile' | 'account_settings';
  readonly shape: Shape;
  /** Values for users without a stored document, and for columns that the table does not have yet. */
  readonly defaults: z.output<z.ZodObject<Shape>>;
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly logger: Logger;
};

export type StoredDocument<Values> = {
  readonly values: Values;
  /** 0 if no document is stored. */
  readonly version: number;
  readonly updatedAt: string | null;
  /** Members without a column, because the schema is older than this release. They have their defaults. */
  readonly missing: readonly string[];
};

export type Documents<Values> = {
  /** @throws AppError `token_user_unknown`, as `change` does, if the user has no account here */
  readonly read: (userId: string) => Promise<StoredDocument<Values>>;
  /**
   * Changes the given members if `versions` contains the stored version; `*` matches any version.
   * @throws AppError `precondition_failed`, or `database_schema_outdated` if the column of a changed member is missing
   */
  readonly change: (
    userId: string,
    versions: readonly number[] | '*',
    changes: { readonly [Name in keyof Values]?: Values[Name] | undefined },
  ) => Promise<StoredDocument<Values>>;
};

type Row = { readonly row: Record<string, unknown> };

/** Documents of users: one versioned row of `table` for each user. */
export const createDocuments = <Shape extends DocumentShape>(
  deps: DocumentsDeps<Shape>,
): Documents<z.output<z.ZodObject<Shape>>> => {
  const { table, shape, defaults, unitOfWork, reader, clock, logger } = deps;
  type Values = z.output<z.ZodObject<Shape>>;
  const names = Object.keys(shape);
  const reported = new Set<string>();

  const toDocument = (row: Record<string, unknown> | undefined): StoredDocument<Values> => {
    if (!row) return { values: defaults, version: 0, updatedAt: null, missing: [] };
    const missing = names.filter((name) => !(name in row));
    for (const column of missing.filter((name) => !reported.has(name))) {
      reported.add(column);
      logger.warn({ table, column }, 'a column is missing; its default is used until the schema is migrated');
    }
    const values = Object.fromEntries(
      names.map((name) => [name, name in row ? row[name] : Reflect.get(defaults, name)]),
    );
    return {
      values: values as Values,
      version: Number(row['version']),
      updatedAt: new Date(String(row['updated_at'])).toISOString(),
      missing,
    };
  };

  /** @throws AppError `token_user_unknown` */
  const read = async (userId: string): Promise<StoredDocument<Values>> => {
    if (!isAccountId(userId)) throw unknownUser();
    const [found] = await reader.query<{ readonly row: Record<string, unknown> | null }>(
      `select (select to_jsonb(stored) from ${table} as stored where stored.user_id = $2) as row
       from user_account where id = $1`,
      [userId, userId],
    );
    if (!found) throw unknownUser();
    return toDocument(found.row ?? undefined);
  };

  /** Locks the account, so that it is not deleted before the row that refers to it is stored. */
  const assertUser = async (query: Query, userId: string): Promise<void> => {
    const accounts = isAccountId(userId)
      ? await query('select 1 from user_account where id = $1 for key share', [userId])
      : [];
    if (accounts.length === 0) throw unknownUser();
  };

  /** Reads the row as JSON, because a missing column then causes no error. */
  const find = async (query: Query, userId: string): Promise<Record<string, unknown> | undefined> =>
    (
      await query<Row>(`select to_jsonb(stored) as row from ${table} as stored where user_id = $1 for update`, [userId])
    )[0]?.row;

  const outdated = (): AppError =>
    new AppError('precondition_failed', 'The version does not match. Read the resource again and use its version');

  return {
    read,

    change: (userId, versions, changes) =>
      unitOfWork.run({ operation: 'account.change' }, async ({ query }) => {
        await assertUser(query, userId);
        const before = await find(query, userId);
        if (versions !== '*' && !versions.includes(Number(before?.['version'] ?? 0))) throw outdated();
        // Column names come from the declared shape only, never from the caller.
        const changed = names.filter((name) => Object.hasOwn(changes, name));
        if (changed.length === 0) return toDocument(before);
        const columns = changed.map((name) => `"${name}"`);
        const parameters = [userId, clock.now(), ...changed.map((name) => Reflect.get(changes, name) as unknown)];
        const places = changed.map((_, index) => `$${index + 3}`);
        const write = async (exists: boolean): Promise<Row | undefined> => {
          const [row] = await query<Row>(
            exists
              ? `update ${table} as stored set version = version + 1, updated_at = $2,
                 ${columns.map((column, index) => `${column} = ${places[index]}`).join(', ')}
               where user_id = $1 returning to_jsonb(stored) as row`
              : `insert into ${table} as stored (user_id, version, updated_at, ${columns.join(', ')})
               values ($1, 1, $2, ${places.join(', ')})
               on conflict (user_id) do nothing returning to_jsonb(stored) as row`,
            parameters,
          );
          return row;
        };
        // Another request can store the first version in between. `*` matches that version too.
        const after = (await write(before !== undefined)) ?? (versions === '*' ? await write(true) : undefined);
        if (!after) throw outdated();
        return toDocument(after.row);
      }),
  };
};
