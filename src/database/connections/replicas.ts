import { orAbort } from '#src/kernel/abort.ts';
import { codeOf, errorTable, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { Query, SnapshotReader } from '#src/kernel/ports/unit-of-work.ts';
import type { MeasureMaintenance } from '../maintenance.ts';
import { isEndedByServer } from '../errors.ts';
import { createPool, type Pool, type PoolDeps } from './pool.ts';
import { inSnapshot } from './snapshot.ts';
import { createSidePool, queryOnce, type SidePool } from './side-pool.ts';
import { createWritePositions, parsePosition } from './write-position.ts';

export type ReplicaOptions = {
  readonly replicaUrls: readonly string[];
  /** Max lag in milliseconds. A replica with a larger lag is excluded. */
  readonly replicaMaxLagMs: number;
  /** Timeout of one statement on a replica in milliseconds. After it the statement runs on the primary. */
  readonly replicaTimeoutMs: number;
  /** Milliseconds between two checks of primary and replicas. */
  readonly replicaCheckMs: number;
};

export type Replicas = {
  /** Reads from a replica whose lag is small enough, else from the primary. */
  readonly reader: SnapshotReader;
  /** Must be called after each commit with the position of the write-ahead log; undefined if it is not known. */
  readonly committed: (position: string | undefined) => void;
  /** `degraded` with the reason while a replica is excluded. */
  readonly health: () => HealthReading;
  readonly collect: () => void;
  readonly close: () => Promise<void>;
};

type Replica = {
  readonly name: string;
  readonly pool: Pool;
  readonly side: SidePool;
  /** The reason why the replica is excluded; undefined while it is in use. */
  excluded: string | undefined;
  position: bigint;
  lagMs: number;
  /** Consecutive successful checks. One is not enough to be used again, because the replica may fail again at once. */
  goodChecks: number;
  /** Consecutive statements that it has ended because of their timeout. */
  slowStatements: number;
};

const minGoodChecks = 2;
/** With so many, the replica is slow for all: beside one slow statement, those of others succeed. */
const maxSlowStatements = 5;
const slow = 'slow';
/** The checks are short statements, which a slow replica can answer. */
const minGoodChecksOfSlow = 30;
const checkTimeoutMs = 1_000;
/** Time for the answer of a replica that has ended a statement because of its timeout. Later the replica is silent. */
const silenceMarginMs = 200;
const isSilent = (code: ErrorCode): boolean => code === 'database_unavailable' || code === 'database_timeout';
const positionSql = 'select pg_current_wal_insert_lsn()::text as position';
const replayedSql = 'select pg_last_wal_replay_lsn()::text as position';

/**
 * Reads from replicas. Each statement goes to the next replica (round robin) that passed its last checks, has a lag
 * below the limit and has applied all commits of this process. If the replica fails, the statement runs again on the
 * primary. A request with `Cache-Control: no-cache` always reads from the primary.
 */
export const createReplicas = (
  deps: PoolDeps &
    ReplicaOptions & {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly metrics: Metrics;
      readonly measure: MeasureMaintenance;
    },
  primary: SnapshotReader,
  primarySide: SidePool,
): Replicas => {
  const { metrics, logger, clock, measure } = deps;
  const positions = createWritePositions();
  const replicas = deps.replicaUrls.map((url, index): Replica => {
    const name = `replica_${index + 1}`;
    const statementTimeoutMs = Math.min(deps.statementTimeoutMs, deps.replicaTimeoutMs);
    const options = { ...deps, url, name, statementTimeoutMs, silenceMarginMs };
    return {
      name,
      pool: createPool(options),
      side: createSidePool(options),
      excluded: 'not looked at yet',
      position: 0n,
      lagMs: 0,
      goodChecks: 0,
      slowStatements: 0,
    };
  });

  const exclude = (replica: Replica, reason: string): void => {
    replica.goodChecks = 0;
    replica.slowStatements = 0;
    if (replica.excluded === reason) return;
    logger.warn({ pool: replica.name, reason }, 'A replica is left out');
    replica.excluded = reason;
  };

  const readPosition = async (side: Replica['side'], sql: string): Promise<bigint> => {
    const rows = await orAbort(queryOnce(side, sql, checkTimeoutMs), AbortSignal.timeout(checkTimeoutMs));
    const position: unknown = rows[0]?.['position'];
    if (typeof position !== 'string') throw new Error('not a standby');
    return parsePosition(position);
  };

  const check = async (replica: Replica): Promise<void> => {
    try {
      const position = await measure('probe_replica', () => readPosition(replica.side, replayedSql));
      replica.position = position;
      replica.lagMs = positions.lagMs(position, clock.monotonic());
      if (replica.lagMs > deps.replicaMaxLagMs) {
        exclude(replica, 'behind');
        return;
      }
      replica.goodChecks += 1;
      const needed = replica.excluded === slow ? minGoodChecksOfSlow : minGoodChecks;
      if (replica.excluded !== undefined && replica.goodChecks >= needed) {
        replica.excluded = undefined;
        logger.info({ pool: replica.name }, 'A replica is read from');
      }
    } catch {
      exclude(replica, 'no answer');
    }
  };

  const checkAll = async (): Promise<void> => {
    const askedAt = clock.monotonic();
    try {
      positions.sample(await measure('probe_primary', () => readPosition(primarySide, positionSql)), askedAt);
    } catch {
      // While the primary cannot be reached nothing is written, so no replica falls further behind.
    }
    await Promise.all(replicas.map(check));
  };
  let checking: Promise<void> | undefined;
  /** Leaves a check out while one runs, because a silent server would make a chain of them that `close` waits for. */
  const checkUnlessChecking = (): void => {
    checking ??= checkAll().finally(() => (checking = undefined));
  };
  const timer = replicas.length === 0 ? undefined : setInterval(checkUnlessChecking, deps.replicaCheckMs).unref();
  if (replicas.length > 0) checkUnlessChecking();

  let statements = 0;
  const choose = (): Replica | undefined => {
    if (replicas.length === 0 || currentRequest()?.noCache) return undefined;
    const floor = positions.floor();
    const usable = replicas.filter(({ excluded, position }) => excluded === undefined && position >= floor);
    statements += 1;
    return usable[statements % usable.length];
  };

  const read = async <T>(onReplica: (pool: Pool) => Promise<T>, onPrimary: () => Promise<T>): Promise<T> => {
    const replica = choose();
    if (!replica) return onPrimary();
    try {
      const result = await onReplica(replica.pool);
      replica.slowStatements = 0;
      return result;
    } catch (error) {
      const code = codeOf(error);
      // Other errors are no fault of the replica: a wrong statement, or a refusal by the work on a snapshot.
      if (errorTable[code].category !== 'database') throw error;
      // These codes say that the replica does not answer. It is excluded until its checks succeed again. A slow statement that it
      // has ended says nothing about the statements of others, but several without a fast one between them do.
      if (isSilent(code)) {
        replica.slowStatements += 1;
        if (!isEndedByServer(error)) exclude(replica, code);
        else if (replica.slowStatements >= maxSlowStatements) exclude(replica, slow);
      }
      metrics.count('volwatch_replica_fallbacks_total', { pool: replica.name });
      return onPrimary();
    }
  };
  const query = (text: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]> =>
    read(
      async (pool) => {
        const connection = await pool.acquire();
        try {
          return (await connection.run(text, parameters)).rows as Record<string, unknown>[];
        } finally {
          connection.release();
        }
      },
      () => primary.query(text, parameters),
    );

  return {
    reader: {
      query: query as Query,
      snapshot: (work) =>
        read(
          (pool) => inSnapshot(pool, work),
          () => primary.snapshot(work),
        ),
    },
    committed: (position) => positions.committed(position === undefined ? undefined : parsePosition(position)),
    health: () => {
      const unused = replicas.filter(({ excluded }) => excluded !== undefined);
      if (unused.length === 0) return { status: 'up' };
      return { status: 'degraded', detail: unused.map(({ name, excluded }) => `${name}: ${excluded}`).join('; ') };
    },
    collect: () => {
      for (const { pool, name, excluded, lagMs } of replicas) {
        pool.collect();
        metrics.set('volwatch_replica_up', { pool: name }, excluded === undefined ? 1 : 0);
        metrics.set('volwatch_replica_lag_seconds', { pool: name }, lagMs / 1_000);
      }
    },
    close: async () => {
      clearInterval(timer);
      await checking;
      await Promise.all(replicas.flatMap(({ pool, side }) => [pool.end(), side.end()]));
    },
  };
};
