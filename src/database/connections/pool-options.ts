import type { SslMode } from '#src/kernel/connections/postgres-tls.ts';

export type PoolOptions = {
  /** As `parsePostgresUrl` accepts it. */
  readonly url: string;
  /** Undefined: the URL decides. */
  readonly ssl?: SslMode | undefined;
  /** Schema of the tables; `public` by default. */
  readonly schema?: string;
  readonly poolMax: number;
  readonly acquireTimeoutMs: number;
  /** Max connections of `poolMax` that the requests of one caller hold at a time; half of them by default. */
  readonly maxPerCaller?: number;
  readonly statementTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly applicationName: string;
  /**
   * For a pooler that gives each transaction another session (PgBouncer, serverless PostgreSQL): every statement runs in
   * a transaction that sets its own settings, and idle connections are closed after a second.
   */
  readonly sessionless?: boolean;
};
