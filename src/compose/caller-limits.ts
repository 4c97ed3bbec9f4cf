import type { Config } from '../config/index.ts';

export type CallerLimits = {
  /** Percent of the slots and of the body bytes that one caller may use while nobody else does. */
  readonly percent: number;
  /** Tasks for pricing processes, waiting or in progress. */
  readonly tasks: number;
  /** Connections to the database, of `poolMax`. */
  readonly databaseConnections: (poolMax: number) => number;
  /** Bytes of answers that the caller has not read yet. */
  readonly answerBytes: number;
  /** Open connections of one address. */
  readonly connections: number;
};

/** What one caller may use. `RATE_LIMIT_ENABLED=false` lifts these limits too, because load tests use one address. */
export const callerLimits = (config: Config): CallerLimits =>
  config.RATE_LIMIT_ENABLED
    ? {
        percent: config.CALLER_SHARE_PERCENT,
        tasks: config.PRICING_CALLER_LIMIT,
        databaseConnections: (poolMax) => Math.max(1, Math.floor(poolMax / 2)),
        answerBytes: config.ANSWER_BACKLOG_BYTES_BY_CALLER,
        connections: config.CONNECTIONS_PER_ADDRESS_LIMIT,
      }
    : {
        percent: 100,
        tasks: Number.POSITIVE_INFINITY,
        databaseConnections: (poolMax) => poolMax,
        answerBytes: config.ANSWER_BACKLOG_BYTES,
        connections: Number.POSITIVE_INFINITY,
      };
