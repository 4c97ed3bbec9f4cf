import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityManager } from '@mikro-orm/postgresql';

/** Closed set: the `operation` label of the transaction metrics and the name of the `db.transaction` span. */
export const transactionOperations = [
  'refresh.record',
  'refresh.apply',
  'refresh.finish',
  'refresh.close_dangling',
  'index.calculate',
  'universe.change',
  'universe.schedules',
  'quality.store',
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
  'auth.user_admin',
  'auth.second_factor',
  'account.change',
  'account.email',
  'account.password',
  'account.removal',
  'account.export',
  'account.token',
  'mail.delivery',
  'webhook.change',
  'webhook.fan_out',
  'webhook.delivery',
  'calendar.consent',
  'calendar.connection',
  'calendar.token',
  'calendar.sync',
] as const;
/**
 * Closed set: the `outcome` label of the transaction metrics. `refused`: rolled back because the caller was refused, for
 * example for a stale version; this is no fault of the service.
 */
export const transactionOutcomes = ['committed', 'rolled_back', 'refused'] as const;
export type TransactionOutcome = (typeof transactionOutcomes)[number];

type TransactionOperation = (typeof transactionOperations)[number];

/**
 * Runs one statement with bound parameters (`$1`, `$2`). Values must be parameters, because then they never reach a log
 * or a span. Results: date -> `YYYY-MM-DD` string, timestamptz -> Date, bigint -> number, double precision -> number,
 * numeric -> string. The last parameter can be ByteBlocks: many bytes, which are sent block by block.
 * @throws AppError of category database for errors of the connection or the server, else the error of pg
 */
export type Query = <Row extends Record<string, unknown> = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;

/**
 * Sends rows to `COPY table FROM STDIN`, in the text format of COPY. No more rows are read than the server takes. The server must take
 * a block of rows within the statement timeout of the pool, also in a unit of work with a longer one.
 * @param signal ends the copy also while the server takes no rows
 * @returns the number of rows. @throws as Query, the error of `rows`, or the reason of `signal`; the transaction must then be rolled back
 */
export type CopyIn = (statement: string, rows: AsyncIterable<Buffer>, signal?: AbortSignal) => Promise<number>;

export type Transaction = {
  /** The identity map of this transaction. It is flushed before the commit. */
  readonly em: EntityManager;
  /** Runs SQL in the same transaction. */
  readonly query: Query;
  readonly copyIn: CopyIn;
  /**
   * Runs `work` right before the commit. For locks that other transactions wait for, because they are held shortly
   * then.
   */
  readonly beforeCommit: (work: () => Promise<void>) => void;
};

export type UnitOfWorkOptions = {
  readonly operation: TransactionOperation;
  /** `new` (default) throws inside another unit of work; `join` uses the transaction of the surrounding one. */
  readonly propagation?: 'new' | 'join';
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** Timeout of each statement in place of the timeout of the pool. For bulk writes. */
  readonly statementTimeoutMs?: number;
  /** False: `work` reads what cannot be read again, so it runs once. Default: true. */
  readonly mayRepeat?: boolean;
  /**
   * Names the row or lock that `work` locks first, or several in the order of their locks. Transactions of this process with the same name run one after another,
   * and those that wait hold no connection. Each transaction of a request that locks rows of one owner must name them, because the owner can make many requests at once.
   */
  readonly alone?: string | readonly string[];
};

export type UnitOfWork = {
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it throws. After a serialization failure
   * or deadlock it runs `work` again, up to a max number of retries. So `work` must have no effect outside the
   * transaction.
   * @throws AppError `database_unavailable`, `database_pool_exhausted`, `database_timeout`, `database_conflict`, or the
   *   error of `work`
   */
  readonly run: <T>(options: UnitOfWorkOptions, work: (transaction: Transaction) => Promise<T>) => Promise<T>;
};

/** Runs statements outside of transactions, each on a pooled connection. Throws the same errors as UnitOfWork. */
export type Reader = { readonly query: Query };

export type SnapshotReader = Reader & {
  /**
   * Runs the statements of `work` on one connection, and they see one state of the database. For an answer of several
   * statements that a commit between them would make wrong. It needs two more round trips, and `work` can run twice.
   */
  readonly snapshot: <T>(work: (reader: Reader) => Promise<T>) => Promise<T>;
};

/** A lock by name across all processes. It is held while `work` runs, or until `work` calls `release`. */
export type Lock = {
  /** @returns undefined immediately, without a call of `work`, if the lock `name` is held already */
  readonly tryWith: <T>(
    name: string,
    work: (release: () => Promise<void>) => Promise<T>,
  ) => Promise<{ readonly value: T } | undefined>;
};

const active = new AsyncLocalStorage<{ readonly transaction: Transaction; open: boolean }>();

/** Only for the implementation of UnitOfWork. `transaction` is the current transaction of `work` until it settles. */
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
 * Must be called before each call over the network, and before work on another thread that many callers share, because a transaction
 * that is open meanwhile holds its locks and its connection for an unknown time.
 * @throws Error (a mistake in the code, so `internal_error`) inside a unit of work
 */
export const assertOutsideTransaction = (call: string): void => {
  if (currentTransaction()) throw new Error(`${call} was attempted inside a transaction; call it before it begins`);
};
