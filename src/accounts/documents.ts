import type { z } from 'zod';
import { assertVersion, type ExpectedVersions } from '#src/kernel/requests/conditional/expected-versions.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Query, Transaction, UnitOfWork, Reader } from '#src/kernel/ports/unit-of-work.ts';
import { propertyName, tableOf, type AccountsEntityName } from './entities.ts';

/** Schemas of the members that a user may change. Each member is a property of the entity. */
export type DocumentShape = Readonly<Record<string, z.ZodType>>;

export type DocumentsDeps<Shape extends DocumentShape> = {
  readonly entity: AccountsEntityName;
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
    versions: ExpectedVersions,
    changes: { readonly [Name in keyof Values]?: Values[Name] | undefined },
  ) => Promise<StoredDocument<Values>>;
};

type Row = Readonly<Record<string, unknown>>;

/** Documents of users: one versioned entity for each user. */
export const createDocuments = <Shape extends DocumentShape>(
  deps: DocumentsDeps<Shape>,
): Documents<z.output<z.ZodObject<Shape>>> => {
  const { entity, shape, defaults, unitOfWork, reader, clock, logger } = deps;
  const table = tableOf[entity];
  type Values = z.output<z.ZodObject<Shape>>;
  const names = Object.keys(shape);
  const reported = new Set<string>();

  const toDocument = (row: Row | undefined): StoredDocument<Values> => {
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
  const find = async (query: Query, userId: string, lock = ''): Promise<Row | undefined> =>
    (
      await query<{ row: Row }>(`select to_jsonb(stored) as row from ${table} as stored where user_id = $1 ${lock}`, [
        userId,
      ])
    )[0]?.row;

  /**
   * Stores a row with the defaults of the table, which `change` fills. This is SQL and no entity, because another request
   * can store the first version at the same moment, and the transaction must not fail then.
   */
  const insertFirst = async ({ query }: Transaction, userId: string): Promise<Row> => {
    await query(
      `insert into ${table} (user_id, version, updated_at) values ($1, 0, $2) on conflict (user_id) do nothing`,
      [userId, clock.now()],
    );
    return (await find(query, userId, 'for update'))!;
  };

  /** Changes the row as an entity of the identity map. A column that is missing in `row` is not written. */
  const write = async ({ em }: Transaction, row: Row, changes: Row): Promise<Row> => {
    const updatedAt = clock.now();
    const version = Number(row['version']) + 1;
    const stored: object = em.map(em.getMetadata().getByClassName<object>(entity).class, { ...row });
    Object.assign(stored, { version, updatedAt });
    for (const [name, value] of Object.entries(changes)) Reflect.set(stored, propertyName(name), value);
    await em.flush();
    return { ...row, ...changes, version, updated_at: updatedAt.toISOString() };
  };

  return {
    read,

    change: (userId, versions, given) =>
      unitOfWork.run({ operation: 'account.change' }, async (transaction) => {
        await assertUser(transaction.query, userId);
        const assertRow = (row: Row | undefined): void => assertVersion(versions, Number(row?.['version'] ?? 0));
        const before = await find(transaction.query, userId, 'for update');
        assertRow(before);
        // Names come from the declared shape only, never from the caller.
        const changed = names.filter((name) => Object.hasOwn(given, name));
        if (changed.length === 0) return toDocument(before);
        const row = before ?? (await insertFirst(transaction, userId));
        assertRow(row);
        const changes = Object.fromEntries(changed.map((name) => [name, Reflect.get(given, name) as unknown]));
        return toDocument(await write(transaction, row, changes));
      }),
  };
};
