import type { EntityManager } from '@mikro-orm/postgresql';

/** Closed set: the `operation` label of the transaction metrics and the name of the `db.transaction` span. */
export const transactionOperations = [
  'refresh.record',
  'refresh.apply',
  'refresh.finish',
  'refresh.close_dangling',
] as const;
export type TransactionOperation = (typeof transactionOperations)[number];

/** One statement with bound parameters (`$1`, `$2`): its literals never reach a log or a span. */
export type Query = <Row extends Record<string, unknown> = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;

export type Transaction = {
  /** The transaction's own identity map; flushed before commit. */
  readonly em: EntityManager;
  /** Set-based SQL in the same transaction. */
  readonly query: Query;
};

export type UnitOfWorkOptions = {
  readonly operation: TransactionOperation;
  /** `new` (default) refuses to run inside another unit of work; `join` takes part in the surrounding one. */
  readonly propagation?: 'new' | 'join';
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
};

export type UnitOfWork = {
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it throws. Serialization failures and
   * deadlocks run it again a bounded number of times, so `work` must have no effect outside the transaction.
   * @throws AppError `database_unavailable`, `database_pool_exhausted`, `database_timeout`, `database_conflict`, or what `work` threw
   */
  readonly run: <T>(options: UnitOfWorkOptions, work: (transaction: Transaction) => Promise<T>) => Promise<T>;
};

/** Statements outside any transaction, each on a pooled connection. Same errors as UnitOfWork. */
export type Reader = { readonly query: Query };

/** Held by one caller at a time across processes, for the length of `work`. */
export type Lock = {
  /** @returns `undefined` at once when somebody else holds `name`. */
  readonly tryWith: <T>(name: string, work: () => Promise<T>) => Promise<{ readonly value: T } | undefined>;
};
