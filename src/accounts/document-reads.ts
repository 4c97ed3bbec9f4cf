import type { z } from 'zod';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { DocumentShape, Documents, StoredDocument } from './document.ts';
import { tableOf, type AccountsEntityName } from './entities.ts';

export type DocumentReadsDeps<Shape extends DocumentShape> = {
  readonly entity: AccountsEntityName;
  readonly shape: Shape;
  /** Values for users without a stored document, and for columns that the table does not have yet. */
  readonly defaults: z.output<z.ZodObject<Shape>>;
  readonly reader: Reader;
  readonly logger: Logger;
};

/** A stored row, or what is known of it. */
export type Row = Readonly<Record<string, unknown>>;

export type DocumentReads<Values> = Pick<Documents<Values>, 'read'> & {
  /** @param row undefined if the user has no stored document */
  readonly toDocument: (row: Row | undefined) => StoredDocument<Values>;
};

/** Reads that change nothing, so they need no transaction. */
export const createDocumentReads = <Shape extends DocumentShape>(
  deps: DocumentReadsDeps<Shape>,
): DocumentReads<z.output<z.ZodObject<Shape>>> => {
  const { entity, shape, defaults, reader, logger } = deps;
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

  return { read, toDocument };
};
