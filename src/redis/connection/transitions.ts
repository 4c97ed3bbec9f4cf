import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { RedisClient } from '#src/kernel/ports/redis.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { redisReasonOf } from './redis-reason.ts';

export type TransitionDeps = {
  readonly client: RedisClient;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly onReady: () => void;
  readonly onLost: () => void;
};

export type Transitions = {
  /** The cause of the last failed attempt to connect: the code of an error, or the first word of a reply. */
  readonly reason: () => string | undefined;
  /** The service is about to close the connection and open it again. This is not logged as an outage. */
  readonly expectReconnect: () => void;
  readonly reconnects: () => boolean;
  readonly close: () => void;
};

type ConnectError = Error & { readonly code?: string; readonly lastNodeError?: Error };

const reasonOf = (given: ConnectError): string => {
  const error: ConnectError = given.lastNodeError ?? given;
  const node = /Last error: (?:\w*Error: )?(.*)$/s.exec(error.message)?.[1] ?? error.message;
  return error.code ?? /\bE[A-Z]{4,}\b/.exec(node)?.[0] ?? redisReasonOf(error).toUpperCase();
};

/** Logs once when the connection is lost and once when it is restored, not for every attempt in between. */
export const reportTransitions = (deps: TransitionDeps): Transitions => {
  const { client, logger, metrics, clock, onReady, onLost } = deps;
  let lostAt: number | undefined;
  let reason: string | undefined;
  let reconnect: 'none' | 'closing' | 'connecting' = 'none';
  let closing = false;
  const setUp = (value: 0 | 1): void => metrics.set('volwatch_dependency_up', { dependency: 'redis' }, value);

  const lost = (): void => {
    if (lostAt !== undefined || closing) return;
    lostAt = clock.monotonic();
    reconnect = 'none';
    setUp(0);
    onLost();
    logger.warn({ reason: reason ?? 'closed' }, 'redis is lost: limits and caches fall back to the process');
  };
  /** Without a sentinel that answers there is no connection that could be closed, only this error. */
  const failed = (error: ConnectError): void => {
    if (!error.message.startsWith('All sentinels are unreachable')) reason = reasonOf(error);
    if (client.status !== 'ready') lost();
  };

  setUp(0);
  client.on('error', failed);
  client.on('sentinelError', (error: Error) => {
    reason = /invalid reply|No such master/.test(error.message) ? 'UNKNOWN_GROUP' : 'NO_SENTINEL';
  });
  client.on('ready', () => {
    setUp(1);
    const outage = lostAt === undefined ? {} : { away_ms: Math.round(clock.monotonic() - lostAt) };
    if (reconnect === 'none') logger.info(outage, 'redis is connected');
    reconnect = 'none';
    lostAt = undefined;
    reason = undefined;
    onReady();
  });
  client.on('close', () => {
    if (reconnect === 'closing') reconnect = 'connecting';
    else lost();
  });
  return {
    reason: () => reason,
    expectReconnect: () => {
      reconnect = 'closing';
    },
    reconnects: () => reconnect !== 'none',
    close: () => {
      closing = true;
    },
  };
};
