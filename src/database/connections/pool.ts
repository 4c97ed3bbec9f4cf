import {
  Pool as PgPool,
  TypeOverrides,
  type CustomTypesConfig,
  type PoolClient,
  type QueryConfig,
  type QueryResult,
} from 'pg';
import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { CopyIn, UnitOfWorkOptions } from '#src/kernel/ports/unit-of-work.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { addTiming, currentRequest } from '#src/kernel/requests/request-context.ts';
import { mayTryAgain, tryTwice, type Again } from './again.ts';
import { copyRows } from '../wire/copy-rows.ts';
import { breaksConnection, translate } from '../errors.ts';
import { statementLabels } from '../statements/statement-labels.ts';
import { clientOptions } from './client-options.ts';
import { paceReads } from '../wire/paced-reads.ts';
import type { PoolOptions } from './pool-options.ts';
import { pinSql, sessionHook } from './session.ts';
import { connectTimeout, isConnectTimeout } from './turns/connect-timeout.ts';
import { createConnectionTurns, maxTransactionsOf, type ConnectionUse } from './turns/connection-turns.ts';
import { queryWithBlocks } from '../wire/statement-with-blocks.ts';

export type PoolDeps = PoolOptions & {
  /** Value of the label `pool`. Default: `primary`. */
  readonly name?: string;
  /**
   * Milliseconds that the client waits longer than the statement timeout of the server. So the timeout of the client
   * applies only if the server does not answer at all.
   */
  readonly silenceMarginMs?: number;
  /** Statements that take longer than `afterMs` are logged. `describe` must remove the literals. */
  readonly slow?: { readonly afterMs: number; readonly describe: (statement: string) => string };
  /** The closed set of values of the label `db_collection_name`. */
  readonly tables: ReadonlySet<string>;
  readonly abuse?: AbuseReport;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type RunStatement = (text: string, parameters?: readonly unknown[], types?: CustomTypesConfig) => Promise<QueryResult>;

export type Connection = {
  /**
   * Runs a statement of a transaction that `begin` has begun.
   * @param types how values are parsed; default `rawTypes`. @throws the error as `translate` returns it
   */
  readonly query: RunStatement;
  /** Runs `COPY ... FROM STDIN` of a transaction. @returns the number of rows. @throws as `query`, or the error of `rows` */
  readonly copyIn: CopyIn;
  /** Runs a statement outside of a transaction; without a session it gets one of its own. */
  readonly run: RunStatement;
  /** Begins a transaction with the settings of the service. */
  readonly begin: (isolation?: UnitOfWorkOptions['isolation'] | 'repeatable read read only') => Promise<void>;
  /** Sets the timeout of each statement up to the end of the current transaction. */
  readonly setStatementTimeout: (milliseconds: number) => Promise<void>;
  /** True if the state of the connection is not known any more. `release` then closes it, and the server rolls back. */
  readonly broken: () => boolean;
  readonly release: () => void;
};

type AcquireOptions = {
  /** Default: the acquire timeout of the pool. */
  readonly timeoutMs?: number;
  /** Default: `statement`. */
  readonly use?: ConnectionUse;
};

export type Pool = {
  /** The limits of a second attempt to reach the server. */
  readonly again: Again;
  /**
   * Connects once more if the server refuses or breaks the connection.
   * @throws AppError `database_pool_exhausted`, `database_unavailable`, both within the acquire timeout
   */
  readonly acquire: (options?: AcquireOptions) => Promise<Connection>;
  /** Sets the connection gauges. Is called before each scrape. */
  readonly collect: () => void;
  readonly end: () => Promise<void>;
};

const defaultSilenceMarginMs = 1_000;
/** Maintenance of the job queue that PostgreSQL refuses inside a transaction. */
const refusesTransaction = /^\s*(?:vacuum|reindex|(?:create|drop)\b.*\bindex\s+concurrently)\b/is;

const keep = (value: string): string => value;
const overrides = (parsers: Readonly<Record<number, (value: string) => unknown>>): CustomTypesConfig => {
  const types = new TypeOverrides();
  for (const [oid, parser] of Object.entries(parsers)) types.setTypeParser(Number(oid), 'text', parser);
  return types;
};
/** As documented at `Query` in the kernel: date stays text, bigint becomes a number. */
const rawTypes = overrides({ 1082: keep, 20: Number });
/** As in the pool of MikroORM: dates and timestamps stay text, because its mapped types parse them. */
export const ormTypes = overrides({ 1082: keep, 1114: keep, 1184: keep, 1186: keep });

/**
 * A pool. Every statement of the service runs through `Connection.query`, which measures it and translates its errors.
 */
export const createPool = (deps: PoolDeps): Pool => {
  const { metrics, clock, logger, name = 'primary', silenceMarginMs = defaultSilenceMarginMs } = deps;
  const labels = { pool: name };
  // The series must exist from the start, because `rate()` does not see the first value of a new series.
  metrics.count('db_client_connection_timeouts_total', labels, 0);
  const pool = new PgPool({
    ...clientOptions(deps),
    max: deps.poolMax,
    idleTimeoutMillis: deps.sessionless ? 1_000 : 30_000,
    connectionTimeoutMillis: deps.acquireTimeoutMs,
    ...sessionHook(deps),
  });
  const connectionErrors = new WeakMap<object, Error>();
  let used = 0;
  pool.on('acquire', () => void (used += 1));
  pool.on('release', () => void (used -= 1));
  // An 'error' event without a listener ends the process, and pg-pool removes its listener while a client is in use.
  // The first error is the reason (25P03, 57P01); "terminated unexpectedly" follows it.
  pool.on('connect', (client) => {
    paceReads(client.connection.stream);
    client.on('error', (error) => {
      if (!connectionErrors.has(client)) connectionErrors.set(client, error);
    });
  });
  let ending = false;
  pool.on('error', (error) => {
    // pg-pool does not wait until its connections are closed. A server that stops right after this process ends them.
    if (ending) return;
    logger.warn({ code: codeOf(translate(error)) }, 'An idle database connection was lost');
  });

  const silenceMs = deps.statementTimeoutMs + silenceMarginMs;
  const turns = createConnectionTurns(deps);
  /** The pool has one timeout for all; a request that has waited for its turn has less time left. */
  const connectWithin = async (milliseconds: number): Promise<PoolClient> => {
    const connecting = pool.connect();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(connectTimeout());
      connecting.then((client) => client.release()).catch(() => {});
    }, milliseconds);
    try {
      return await Promise.race([connecting, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };

  const again: Again = {
    timeoutMs: deps.acquireTimeoutMs,
    onRetry: () => metrics.count('volwatch_retries_total', { dependency: 'postgres' }),
  };

  const connect = async ({
    timeoutMs = deps.acquireTimeoutMs,
    use = 'statement',
  }: AcquireOptions): Promise<{ client: PoolClient; endTurn: () => void }> => {
    const started = clock.monotonic();
    let endTurn = (): void => {};
    try {
      // Work outside of requests (jobs, health checks, polls) has no caller, and no share limits it.
      endTurn = await turns.enter(currentRequest(), timeoutMs, use);
      // A turn can come later than the timeout, because timers are late when the event loop is busy.
      const left = Math.max(1, timeoutMs - Math.floor(clock.monotonic() - started));
      const client = await tryTwice(
        (leftMs) => (leftMs === deps.acquireTimeoutMs ? pool.connect() : connectWithin(leftMs)),
        (error) => !isConnectTimeout(error) && mayTryAgain(translate(error)),
        { ...again, timeoutMs: left },
      );
      return { client, endTurn };
    } catch (error) {
      endTurn();
      if (!isConnectTimeout(error)) throw translate(error);
      metrics.count('db_client_connection_timeouts_total', labels);
      // If fewer connections are in use, the pool is full of attempts that cannot connect: the server is down.
      const isReached = used >= maxTransactionsOf(deps.poolMax);
      throw new AppError(isReached ? 'database_pool_exhausted' : 'database_unavailable', undefined, { cause: error });
    } finally {
      const waitedMs = clock.monotonic() - started;
      metrics.observe('db_client_connection_wait_time_seconds', labels, waitedMs / 1_000);
      addTiming('db', waitedMs);
    }
  };

  const acquire: Pool['acquire'] = async (options = {}) => {
    const { client, endTurn } = await connect(options);
    let broken = false;
    let queryTimeoutMs = silenceMs;
    /** @param reportsSlow false: the statement waits for others, so its duration says nothing about it */
    const measured = async <T>(text: string, work: () => Promise<T>, reportsSlow = true): Promise<T> => {
      const started = clock.monotonic();
      let errorType: ReturnType<typeof codeOf> | '' = '';
      try {
        return await work();
      } catch (error) {
        broken ||= breaksConnection(error);
        const translated = translate(error, connectionErrors.get(client));
        errorType = codeOf(translated);
        throw translated;
      } finally {
        const durationMs = clock.monotonic() - started;
        metrics.observe(
          'db_client_operation_duration_seconds',
          { ...statementLabels(text, deps.tables), error_type: errorType },
          durationMs / 1_000,
        );
        addTiming('db', durationMs);
        if (deps.slow && reportsSlow && durationMs > deps.slow.afterMs) {
          logger.warn(
            {
              pool: name,
              duration_ms: Math.round(durationMs),
              statement: deps.slow.describe(text),
              code: errorType || undefined,
            },
            'slow statement',
          );
        }
      }
    };
    const query: Connection['query'] = async (text, parameters = [], types = rawTypes) => {
      const config = { text, types, query_timeout: queryTimeoutMs };
      const last = parameters.at(-1);
      return measured(text, () =>
        last instanceof ByteBlocks
          ? queryWithBlocks(client, { ...config, values: parameters.slice(0, -1) }, last)
          : client.query({ ...config, values: [...parameters] } as QueryConfig),
      );
    };
    const begin: Connection['begin'] = async (isolation = 'read committed') => {
      const statement = `begin isolation level ${isolation}`;
      // One message for both, so that the settings need no round trip of their own.
      await query(deps.sessionless ? `${statement}; ${pinSql(deps, 'transaction')}` : statement);
    };
    const run: Connection['run'] = async (text, parameters, types) => {
      if (!deps.sessionless || refusesTransaction.test(text)) return query(text, parameters, types);
      await begin();
      try {
        const result = await query(text, parameters, types);
        await query('commit');
        return result;
      } catch (error) {
        if (!broken) await query('rollback').catch(() => {});
        throw error;
      }
    };
    return {
      query,
      copyIn: async (text, rows, signal) => {
        const copy = await measured(text, () => copyRows(client, text, rows, { silenceMs, signal }), false);
        // The connection is sound: the server has refused the rest of the rows.
        if (copy.failure) throw copy.failure.error;
        return copy.rows;
      },
      begin,
      run,
      setStatementTimeout: async (milliseconds) => {
        queryTimeoutMs = milliseconds + silenceMarginMs;
        await query(`select set_config('statement_timeout', $1, true)`, [String(milliseconds)]);
      },
      broken: () => broken || connectionErrors.has(client),
      release: () => {
        client.release(broken || connectionErrors.has(client));
        endTurn();
      },
    };
  };

  return {
    again,
    acquire,
    collect: () => {
      metrics.set('db_client_connection_count', { ...labels, state: 'idle' }, pool.idleCount);
      metrics.set('db_client_connection_count', { ...labels, state: 'used' }, pool.totalCount - pool.idleCount);
      metrics.set('db_client_connection_pending_requests', labels, pool.waitingCount + turns.waiting());
      metrics.set('db_client_connection_max', labels, deps.poolMax);
    },
    end: () => {
      ending = true;
      return pool.end();
    },
  };
};
