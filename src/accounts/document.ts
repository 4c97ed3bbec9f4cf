import type { z } from 'zod';

/** Schemas of the members that a user may change. Each member is a property of the entity. */
export type DocumentShape = Readonly<Record<string, z.ZodType>>;

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
