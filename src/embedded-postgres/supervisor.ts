import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { HealthReading } from '#src/kernel/ports/health.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

export type SupervisorDeps = {
  /** Of the server that runs now. */
  readonly pid: number;
  readonly isAlive: (pid: number) => boolean;
  /** Starts the server on the same port. @returns its pid @throws if it does not start */
  readonly restart: () => Promise<number>;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
  readonly timing?: SupervisorTiming;
};

type SupervisorTiming = {
  /** Time between two looks at the process. */
  readonly pollMs: number;
  /** Delay before the first attempt; it doubles with each further attempt. */
  readonly firstDelayMs: number;
  /** A server that ran for this time is sound: the attempts are counted from one again. */
  readonly soundAfterMs: number;
};

export type Supervisor = {
  /** `down` while the server does not run, `degraded` for a time after it was started again; else undefined. */
  readonly trouble: () => HealthReading | undefined;
  /** Ends the supervision, also during an attempt. @returns the pid of the server; undefined if it does not run */
  readonly stop: () => Promise<number | undefined>;
};

export const maxAttempts = 6;
const defaultTiming: SupervisorTiming = { pollMs: 250, firstDelayMs: 250, soundAfterMs: 60_000 };

/**
 * Starts the embedded server again when it has ended: killed, out of memory, crashed. The attempts are limited, because a
 * server that ends again and again needs a person.
 */
export const superviseServer = (deps: SupervisorDeps): Supervisor => {
  const { logger, metrics, timing = defaultTiming } = deps;
  const stopping = new AbortController();
  let pid: number | undefined = deps.pid;
  let startedAt = performance.now();
  let attempts = 0;
  let trouble: HealthReading | undefined;
  const count = (outcome: 'restarted' | 'failed' | 'given_up', value = 1): void =>
    metrics.count('volwatch_embedded_postgres_restarts_total', { outcome }, value);
  // The series exist from the start, because `rate()` does not see the first value of a new series.
  for (const outcome of ['restarted', 'failed', 'given_up'] as const) count(outcome, 0);

  const attempt = async (): Promise<void> => {
    attempts += 1;
    trouble = {
      status: 'down',
      detail: `the embedded server has ended; attempt ${attempts} of ${maxAttempts} to start it again`,
    };
    const delayMs = timing.firstDelayMs * 2 ** (attempts - 1);
    logger.warn({ attempt: attempts, delay_ms: delayMs }, 'The embedded PostgreSQL has ended and is started again');
    await sleep(delayMs, undefined, { signal: stopping.signal });
    try {
      pid = await deps.restart();
      startedAt = performance.now();
      trouble = { status: 'degraded', detail: `the embedded server had ended; attempt ${attempts} started it again` };
      count('restarted');
      logger.info({ attempt: attempts, pid }, 'The embedded PostgreSQL runs again');
    } catch (error) {
      count('failed');
      logger.warn({ attempt: attempts, err: error }, 'The embedded PostgreSQL could not be started again');
    }
  };

  /** @returns false if no further attempt is made */
  const look = async (): Promise<boolean> => {
    if (pid !== undefined && deps.isAlive(pid)) {
      if (attempts > 0 && performance.now() - startedAt >= timing.soundAfterMs) {
        attempts = 0;
        trouble = undefined;
      }
      return true;
    }
    pid = undefined;
    if (attempts === maxAttempts) {
      trouble = {
        status: 'down',
        detail: `the embedded server does not stay up after ${maxAttempts} attempts; read server.log and start the service again`,
      };
      count('given_up');
      logger.error({ attempts }, 'The embedded PostgreSQL is not started again, because it does not stay up');
      return false;
    }
    await attempt();
    return true;
  };

  const supervise = async (): Promise<void> => {
    try {
      while (await look()) await sleep(timing.pollMs, undefined, { signal: stopping.signal, ref: false });
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    }
  };
  const ended = supervise();

  return {
    trouble: () => trouble,
    stop: async () => {
      stopping.abort();
      await ended;
      return pid;
    },
  };
};
