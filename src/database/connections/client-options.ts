import type { ClientConfig } from 'pg';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { tlsOptionsOf } from '#src/kernel/connections/postgres-tls.ts';
import type { PoolOptions } from './pool-options.ts';

/**
 * Options for pg. The URL is not passed to pg, because pg reads it in another way than libpq: `sslmode=require` accepts
 * no other certificate than `verify-full`, parameters override options, and unknown parameters are ignored.
 * @throws ConnectionStringError
 */
export const clientOptions = ({
  url,
  ssl,
  applicationName,
}: Pick<PoolOptions, 'url' | 'ssl' | 'applicationName'>): ClientConfig => {
  const target = parsePostgresUrl(url);
  // As in libpq, a Unix socket is not encrypted.
  const tls = target.host.startsWith('/') ? false : tlsOptionsOf(target.tls, ssl);
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    database: target.database,
    ssl: tls,
    // pg refuses a negotiation of TLS without TLS.
    ...(tls !== false && target.tls.negotiation !== undefined && { sslnegotiation: target.tls.negotiation }),
    options: target.options,
    application_name: target.applicationName ?? applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  } as ClientConfig;
};
