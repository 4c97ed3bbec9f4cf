import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { RedisGate, RedisMode, RedisProbe, RedisReason, RedisUse } from '#src/kernel/ports/redis.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { isConnectionFailure, redisReasonOf } from './connection/redis-reason.ts';

export type UsesDeps = {
  readonly mode: Exclude<RedisMode, 'none'>;
  readonly isConnected: () => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

type RedisProblem = { readonly use: RedisUse; readonly reason: RedisReason };

export type Uses = {
  readonly use: (use: RedisUse, probe: RedisProbe) => RedisGate;
  /** The uses that fail now. */
  readonly problems: () => readonly RedisProblem[];
  /** Call it after each connect: probes every use. */
  readonly connected: () => void;
  readonly lost: () => void;
  readonly close: () => void;
};

type State = {
  readonly use: RedisUse;
  readonly probe: RedisProbe;
  failure: { readonly reason: RedisReason; readonly tag: string } | undefined;
  probing: boolean;
  /** When the last line of each reason was written. */
  readonly loggedAt: Map<RedisReason, number>;
  /** The reason in the last log line of the failure in progress. Then its end gets a line too. */
  logged: RedisReason | undefined;
};

const probeMs = 500;
/** A use that fails again for the same reason within this time is not logged again. Another reason is new to the reader. */
const quietMs = 60_000;

/** What the service does while a use fails: for the log. */
const fallbacks: Readonly<Record<RedisUse, string>> = {
  limits: 'rate limits are counted in this process',
  cache_read: 'answers come from the memory of this process or from the database',
  cache_write: 'nothing new is stored in the shared cache; refreshed prices are loaded from the database',
  invalidations: 'other instances learn of a refresh when they read the shared cache',
  revocations: 'revoked tokens are found by polling the database',
  credits: 'credits of the provider are counted in this process',
};

/** The part of a key that chooses its node in a cluster. */
const tagOf = (key: string): string => /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;

/** The name of the refused command. Its arguments are not reported, because they can hold addresses. */
const commandOf = (error: unknown): string | undefined =>
  (error as { readonly command?: { readonly name?: string } } | null)?.command?.name;

/**
 * Keeps the state of each use. The first failure of a command makes a use fail. Only its probe, which sends the same
 * commands, ends this: a success of another command does not show that the refused one works again.
 */
export const createUses = ({ mode, isConnected, logger, metrics, clock }: UsesDeps): Uses => {
  const states = new Map<RedisUse, State>();
  let timer: NodeJS.Timeout | undefined;

  const report = ({ use, failure }: State): void =>
    metrics.set('volwatch_redis_use_up', { use }, isConnected() && !failure ? 1 : 0);

  /** In a cluster one node can fail while the client stays connected. Otherwise the lost connection is logged already. */
  const isLogged = (reason: RedisReason): boolean => mode === 'cluster' || !isConnectionFailure(reason);

  const fail = (state: State, key: string, error: unknown): void => {
    const reason = redisReasonOf(error);
    state.failure = { reason, tag: tagOf(key) };
    metrics.count('volwatch_redis_failures_total', { use: state.use, reason });
    report(state);
    schedule();
    if (!isLogged(reason) || state.logged === reason) return;
    const now = clock.monotonic();
    if (now - (state.loggedAt.get(reason) ?? -Infinity) < quietMs) return;
    state.logged = reason;
    state.loggedAt.set(reason, now);
    logger.warn(
      { use: state.use, reason, command: commandOf(error) },
      `redis does not carry out a command: ${fallbacks[state.use]}`,
    );
  };

  const recover = (state: State): void => {
    const { use, failure, logged } = state;
    state.failure = undefined;
    state.logged = undefined;
    report(state);
    if (failure && logged) logger.info({ use, reason: failure.reason }, 'redis carries out the commands again');
  };

  const probe = async (state: State): Promise<void> => {
    if (state.probing) return;
    state.probing = true;
    const tag = state.failure?.tag ?? state.use;
    try {
      await state.probe(tag);
      recover(state);
    } catch (error) {
      fail(state, tag, error);
    } finally {
      state.probing = false;
    }
  };

  const isFailing = ({ failure }: State): boolean => failure !== undefined;
  const probeFailing = async (): Promise<void> => {
    if (isConnected()) await Promise.all([...states.values()].filter(isFailing).map(probe));
    timer = undefined;
    if (isConnected() && [...states.values()].some(isFailing)) schedule();
  };
  const schedule = (): void => {
    timer ??= setTimeout(() => void probeFailing(), probeMs).unref();
  };

  return {
    use: (use, sendProbe) => {
      const state: State = {
        use,
        probe: sendProbe,
        failure: undefined,
        probing: false,
        loggedAt: new Map(),
        logged: undefined,
      };
      states.set(use, state);
      report(state);
      if (isConnected()) void probe(state);
      return {
        works: () => isConnected() && !state.failure,
        run: async (key, command) => {
          try {
            return await command();
          } catch (error) {
            fail(state, key, error);
            throw error;
          }
        },
      };
    },
    problems: () =>
      [...states.values()].flatMap(({ use, failure }) => (failure ? [{ use, reason: failure.reason }] : [])),
    connected: () => {
      for (const state of states.values()) void probe(state);
    },
    lost: () => states.forEach(report),
    close: () => clearTimeout(timer),
  };
};
