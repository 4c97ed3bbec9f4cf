import { setTimeout as sleep } from 'node:timers/promises';
import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Kysely } from 'kysely';
import { AppError, codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { createRepeatedLines } from '#src/kernel/logging/repeated-lines.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import {
  currentTransaction,
  runInTransaction,
  type Query,
  type Transaction,
  type TransactionOutcome,
  type UnitOfWork,
  type UnitOfWorkOptions,
} from '#src/kernel/ports/unit-of-work.ts';
import { translate } from './errors.ts';
import { startOn } from './connections/start-on.ts';
import { createOneAtATime } from './connections/turns/one-at-a-time.ts';
import { kyselyOn } from './connections/kysely-on.ts';
import { ormTypes, type Connection, type Pool } from './connections/pool.ts';

export type UnitOfWorkDeps = {
  readonly pool: Pool;
  /** Returns a new identity map without a transaction. */
  readonly forkEntityManager: () => EntityManager;
  /** Max number of times that `work` runs again after a serialization failure or deadlock. */
  readonly maxTransactionRetries: number;
  /**
   * Is called after each commit with the position of the write-ahead log; undefined if it is not known. Only with
   * replicas.
   */
  readonly committed?: (position: string | undefined) => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type Operation = UnitOfWorkOptions['operation'];

/** Full jitter: a random time below a limit that doubles with each attempt, up to 200 ms. */
const backOff = (attempt: number): number => Math.random() * Math.min(200, 10 * 2 ** attempt);

/**
 * The transaction context of MikroORM is a Kysely; this one uses only the connection of the transaction. The
 * ControlledTransaction of Kysely is not used, because it never returns the connection to the pool when COMMIT or
 * ROLLBACK fails. So this file does begin, commit, rollback and release itself.
 */
const transactionContext = (connection: Connection): Kysely<unknown> =>
  kyselyOn(async () => ({
    query: (text, parameters) => connection.query(text, parameters, ormTypes),
    release: () => {},
  }));

const rowsOf = (connection: Connection): Query =>
  (async (text: string, parameters?: readonly unknown[]) => (await connection.query(text, parameters)).rows) as Query;

/** A status below 500 refuses the caller. Conflicts of the database are faults, because the work itself was sound. */
const outcomeOf = (code: ErrorCode): Exclude<TransactionOutcome, 'committed'> =>
  errorTable[code].status < 500 && errorTable[code].category !== 'database' ? 'refused' : 'rolled_back';

const describeFailure = (span: Span, error: unknown): void => {
  const code = codeOf(error);
  span.setAttributes({
    'volwatch.transaction.outcome': outcomeOf(code),
    'volwatch.transaction.rollback_reason': code,
    'error.type': code,
  });
  if (errorTable[code].status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
};

/**
 * Implements the port of the kernel. Each attempt counts as one transaction, so the counters agree with
 * pg_stat_database.
 */
export const createUnitOfWork = (deps: UnitOfWorkDeps): UnitOfWork => {
  const { metrics, clock, logger } = deps;
  const warn = createRepeatedLines({ clock, logger });

  const commit = async (connection: Connection, operation: Operation): Promise<void> => {
    let answer;
    try {
      answer = await connection.query('commit');
    } catch (error) {
      if (connection.broken()) {
        logger.error(
          { operation, code: codeOf(error), outcome: 'unknown' },
          'The connection was lost during commit: whether the transaction committed is unknown',
        );
      }
      throw error;
    }
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK and without an error.
    if (answer.command !== 'COMMIT')
      throw new Error('The transaction had failed before commit: an error was swallowed');
  };

  const reportPosition = async (connection: Connection): Promise<void> => {
    if (!deps.committed) return;
    // The transaction is committed: an error here must not become an error of the transaction.
    const answer = await connection
      .query('select pg_current_wal_insert_lsn()::text as position')
      .catch(() => undefined);
    const position: unknown = answer?.rows[0]?.position;
    deps.committed(typeof position === 'string' ? position : undefined);
  };

  const attempt = async <T>(
    { operation, isolation, statementTimeoutMs }: UnitOfWorkOptions,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> => {
    const { connection } = await startOn(deps.pool, 'transaction', (acquired) => acquired.begin(isolation));
    try {
      try {
        if (statementTimeoutMs !== undefined) await connection.setStatementTimeout(statementTimeoutMs);
        const em = deps.forkEntityManager();
        em.setTransactionContext(transactionContext(connection));
        const hooks: (() => Promise<void>)[] = [];
        const transaction: Transaction = {
          em,
          query: rowsOf(connection),
          copyIn: connection.copyIn,
          beforeCommit: (hook) => hooks.push(hook),
        };
        const result = await runInTransaction(transaction, async () => {
          const value = await work(transaction);
          await em.flush();
          for (const hook of hooks) await hook();
          return value;
        });
        await commit(connection, operation);
        await reportPosition(connection);
        return result;
      } catch (error) {
        // A broken connection cannot send a ROLLBACK. It is closed, and then the server rolls back.
        if (!connection.broken()) await connection.query('rollback').catch(() => {});
        throw error;
      }
    } finally {
      connection.release();
    }
  };

  const measured = async <T>(
    options: UnitOfWorkOptions,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> => {
    const { operation } = options;
    const started = clock.monotonic();
    const finish = (outcome: TransactionOutcome, reason: ErrorCode | ''): void => {
      metrics.count('volwatch_db_transactions_total', { operation, outcome, reason });
      metrics.observe(
        'volwatch_db_transaction_duration_seconds',
        { operation, outcome },
        (clock.monotonic() - started) / 1_000,
      );
      const fields = { operation, outcome, reason, duration_ms: Math.round(clock.monotonic() - started) };
      if (outcome === 'rolled_back') warn(`${operation} ${reason}`, fields, 'a unit of work was rolled back');
      else logger.debug(fields, 'a unit of work ended');
    };
    try {
      const result = await attempt(options, work);
      finish('committed', '');
      return result;
    } catch (error) {
      const translated = translate(error);
      const code = codeOf(translated);
      finish(outcomeOf(code), code);
      throw translated;
    }
  };

  const withRetries = async <T>(
    span: Span,
    options: UnitOfWorkOptions,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> => {
    for (let retries = 0; ; retries += 1) {
      try {
        const result = await measured(options, work);
        span.setAttribute('volwatch.transaction.outcome', 'committed');
        return result;
      } catch (error) {
        const conflict = error instanceof AppError && error.code === 'database_conflict';
        if (!conflict || options.mayRepeat === false || retries >= deps.maxTransactionRetries) throw error;
        span.addEvent('transaction.retry', { 'volwatch.transaction.retry': retries + 1 });
        await sleep(backOff(retries));
      }
    }
  };

  const oneAtATime = createOneAtATime(metrics);

  return {
    run: async (options, work) => {
      const surrounding = currentTransaction();
      if (surrounding) {
        if (options.propagation === 'join') return work(surrounding);
        throw new Error(`Unit of work ${options.operation} began inside another; join it explicitly or run it after`);
      }
      return trace.getTracer('volwatch').startActiveSpan(`db.transaction ${options.operation}`, async (span) => {
        try {
          const names = [options.alone ?? []].flat();
          const inTurns = names.reduceRight<() => ReturnType<typeof work>>(
            (run, name) => () => oneAtATime(name, run),
            () => withRetries(span, options, work),
          );
          return await inTurns();
        } catch (error) {
          describeFailure(span, error);
          throw error;
        } finally {
          span.end();
        }
      });
    },
  };
};
