import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from '@mikro-orm/postgresql';

/** Closed set: the `operation` label of the transaction metrics and the name of the `db.transaction` span. */
export const transactionOperations = [
  'refresh.record',
  'refresh.apply',
  'refresh.finish',
  'refresh.close_dangling',
  'fault.change',
  'audit.verify',
  'retention',
  'pricing_job.change',
  'pricing_job.finish',
  'idempotency.claim',
  'idempotency.renew',
  'idempotency.finish',
  'auth.register',
  'auth.login',
  'auth.logout',
  'auth.refresh',
  'auth.revoke',
  'auth.refusal',
  'auth.api_key',
  'auth.client',
  'auth.maintenance',
  'auth.operator',
  'account.change',
  'webhook.change',
  'webhook.fan_out',
  'webhook.delivery',
] as const;
type TransactionOperation = (typeof transactionOperations)[number];

/**
 * One statement with bound parameters (`$1`, `$2`): its literals never reach a log or a span. Values come back as:
 * date -> `YYYY-MM-DD` string, timestamptz -> Date, bigint -> number, double precision -> number, numeric -> string.
 * @throws AppError of category database for faults of the connection or the server; anything else is pg's own error
 */
export type Query = <Row extends Record<string, unknown> = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;

export type Transaction = {
  /** The transaction's own identity map; flushed before commit. */
  readonly em: EntityManager;
  /** Set-based SQL in the same transaction. */
  readonly query: Query;
  /** Runs `work` after everything else and right before the commit: for locks that others wait for. */
  readonly beforeCommit: (work: () => Promise<void>) => void;
};

export type UnitOfWorkOptions = {
  readonly operation: TransactionOperation;
  /** `new` (default) refuses to run inside another unit of work; `join` takes part in the surrounding one. */
  readonly propagation?: 'new' | 'join';
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** Longest single statement, in place of the pool's own limit: for bulk writes. */
  readonly statementTimeoutMs?: number;
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

const active = new AsyncLocalStorage<{ readonly transaction: Transaction; open: boolean }>();

/** For the implementation of UnitOfWork alone: what `work` starts sees `transaction` as current until `work` settles. */
export const runInTransaction = async <T>(transaction: Transaction, work: () => Promise<T>): Promise<T> => {
  const state = { transaction, open: true };
  try {
    return await active.run(state, work);
  } finally {
    state.open = false;
  }
};

export const currentTransaction = (): Transaction | undefined => {
  const state = active.getStore();
  return state?.open ? state.transaction : undefined;
};

/**
 * The guard that everything calling over the network stands behind: a transaction held open across a remote call keeps
 * its locks and its connection for as long as the other side likes.
 * @throws Error (a mistake in the code, so `internal_error`) inside a unit of work
 */
export const assertOutsideTransaction = (call: string): void => {
  if (currentTransaction()) throw new Error(`${call} was attempted inside a transaction; call it before it begins`);
};
