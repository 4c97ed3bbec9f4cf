import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';
import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import { bounded } from './bounded.ts';
import { createPool, createSidePool, queryOnce, type Pool, type PoolDeps } from './pool.ts';
import { createWritePositions, parsePosition } from './write-position.ts';

export type ReplicaOptions = {
  readonly replicaUrls: readonly string[];
  /** Milliseconds; a replica further behind is left out. */
  readonly replicaMaxLagMs: number;
  /** Milliseconds that one statement may take on a replica before the primary is asked instead. */
  readonly replicaTimeoutMs: number;
  /** Milliseconds between two looks at primary and replicas. */
  readonly replicaCheckMs: number;
};

export type Replicas = {
  /** Reads from a replica that is near enough, else from the primary. */
  readonly reader: Reader;
  /** To be told after each commit what the write-ahead log's position was. */
  readonly committed: (position: string | undefined) => void;
  /** `degraded` with the reason while a replica is left out. */
  readonly health: () => HealthReading;
  readonly collect: () => void;
  readonly close: () => Promise<void>;
};

type Replica = {
  readonly name: string;
  readonly pool: Pool;
  readonly side: ReturnType<typeof createSidePool>;
  /** Why it is left out; undefined while it is read from. */
  out: string | undefined;
  position: bigint;
  lagMs: number;
  /** Good looks in a row: one is not enough to come back, or a flapping replica would be tried again and again. */
  good: number;
};

const looksToComeBack = 2;
const lookTimeoutMs = 1_000;
const positionSql = 'select pg_current_wal_insert_lsn()::text as position';
const replayedSql = 'select pg_last_wal_replay_lsn()::text as position';

/**
 * The read side. A replica is chosen per statement, in turn, among those that answered their last looks, lag by less
 * than the bound and have what this process wrote; whatever goes wrong there is asked of the primary again.
 * A request with `Cache-Control: no-cache` is always answered by the primary.
 */
export const createReplicas = (
  deps: PoolDeps & ReplicaOptions & { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
  primary: Reader,
  primarySide: ReturnType<typeof createSidePool>,
): Replicas => {
  const { metrics, logger, clock } = deps;
  const positions = createWritePositions();
  const replicas = deps.replicaUrls.map((url, index): Replica => {
    const name = `replica_${index + 1}`;
    const statementTimeoutMs = Math.min(deps.statementTimeoutMs, deps.replicaTimeoutMs);
    const options = { ...deps, url, name, statementTimeoutMs, silenceMarginMs: 0 };
    return {
      name,
      pool: createPool(options),
      side: createSidePool(options),
      out: 'not looked at yet',
      position: 0n,
      lagMs: 0,
      good: 0,
    };
  });

  const leaveOut = (replica: Replica, why: string): void => {
    replica.good = 0;
    if (replica.out === why) return;
    logger.warn({ pool: replica.name, reason: why }, 'A replica is left out');
    replica.out = why;
  };

  const ask = (side: Replica['side'], sql: string): Promise<string> =>
    bounded(AbortSignal.timeout(lookTimeoutMs), queryOnce(side, sql, lookTimeoutMs)).then((rows) => {
      const position: unknown = rows[0]?.['position'];
      if (typeof position !== 'string') throw new Error('not a standby');
      return position;
    });

  const look = async (replica: Replica): Promise<void> => {
    try {
      const position = parsePosition(await ask(replica.side, replayedSql));
      replica.position = position;
      replica.lagMs = positions.behind(position, clock.monotonic());
      if (replica.lagMs > deps.replicaMaxLagMs) {
        leaveOut(replica, 'behind');
        return;
      }
      replica.good += 1;
      if (replica.out !== undefined && replica.good >= looksToComeBack) {
        replica.out = undefined;
        logger.info({ pool: replica.name }, 'A replica is read from');
      }
    } catch {
      leaveOut(replica, 'no answer');
    }
  };

  const lookAtAll = async (): Promise<void> => {
    const asked = clock.monotonic();
    try {
      positions.sample(parsePosition(await ask(primarySide, positionSql)), asked);
    } catch {
      // Away: nothing is written meanwhile, so nobody falls further behind.
    }
    await Promise.all(replicas.map(look));
  };
  let looking = Promise.resolve();
  const timer =
    replicas.length === 0
      ? undefined
      : setInterval(() => {
          looking = looking.then(lookAtAll);
        }, deps.replicaCheckMs).unref();
  if (replicas.length > 0) looking = lookAtAll();

  let turn = 0;
  const choose = (): Replica | undefined => {
    if (replicas.length === 0 || currentRequest()?.freshest) return undefined;
    const floor = positions.floor();
    const fit = replicas.filter(({ out, position }) => out === undefined && position >= floor);
    turn += 1;
    return fit[turn % fit.length];
  };

  const query = async (text: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]> => {
    const replica = choose();
    if (!replica) return primary.query(text, parameters);
    try {
      const connection = await replica.pool.acquire();
      try {
        return (await connection.query(text, parameters)).rows as Record<string, unknown>[];
      } finally {
        connection.release();
      }
    } catch (error) {
      const code = codeOf(error);
      if (code === 'internal_error') throw error;
      // Silence and refusal leave it out until it answers again; a cancelled or slow statement is that statement's.
      if (code === 'database_unavailable' || code === 'database_timeout') leaveOut(replica, code);
      metrics.count('volwatch_replica_fallbacks_total', { pool: replica.name });
      return primary.query(text, parameters);
    }
  };

  return {
    reader: { query: query as Query },
    committed: (position) => positions.committed(position === undefined ? undefined : parsePosition(position)),
    health: () => {
      const left = replicas.filter(({ out }) => out !== undefined);
      if (left.length === 0) return { status: 'up' };
      return { status: 'degraded', detail: left.map(({ name, out }) => `${name}: ${out}`).join('; ') };
    },
    collect: () => {
      for (const { pool, name, out, lagMs } of replicas) {
        pool.collect();
        metrics.set('volwatch_replica_up', { pool: name }, out === undefined ? 1 : 0);
        metrics.set('volwatch_replica_lag_seconds', { pool: name }, lagMs / 1_000);
      }
    },
    close: async () => {
      clearInterval(timer);
      await looking;
      await Promise.all(replicas.flatMap(({ pool, side }) => [pool.end(), side.end()]));
    },
  };
};
