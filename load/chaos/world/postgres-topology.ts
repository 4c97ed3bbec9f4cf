import { startPgBouncer, type PgBouncer } from '#testkit/servers/pgbouncer.ts';
import { startReplicated } from '#testkit/servers/replica.ts';
import type { Scope } from '#testkit/scope.ts';
import type { FaultyLink, Toxiproxy } from '../toxiproxy.ts';
import type { Topology } from './topology.ts';

/** PostgreSQL as the service sees it, and what cells do with its servers. */
export type PostgresTopology = {
  /** The address of the database and what else the service must know about it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly replicaUrl: string;
  /** Direct address of the server that is the primary now. */
  readonly primaryUrl: () => string;
  /** The path to the primary: from the service, or from PgBouncer if there is one. */
  readonly link: FaultyLink;
  readonly pooler?: PgBouncer;
  readonly killPrimary: () => Promise<void>;
  /** Promotes the replica, and then leads the path to it. */
  readonly failOver: () => Promise<void>;
};

/** The address with the host and the port of the proxy. */
export const through = (address: string, link: FaultyLink): string => {
  const url = new URL(address);
  url.host = `127.0.0.1:${link.port}`;
  return url.href;
};

export const startPostgresTopology = async (
  scope: Scope,
  toxiproxy: Toxiproxy,
  topology: Topology,
  durable = false,
): Promise<PostgresTopology> => {
  const hasFailover = topology === 'pooler' || topology === 'failover';
  const servers = await startReplicated(scope, { synchronous: hasFailover, durable });
  const link = await toxiproxy.addLink('postgres', new URL(servers.primaryUrl).host);
  const direct = through(servers.primaryUrl, link);
  const pooler = topology === 'pooler' ? await startPgBouncer(scope, direct, { mode: 'transaction' }) : undefined;
  let primaryUrl = servers.primaryUrl;
  return {
    environment: pooler ? { DATABASE_URL: pooler.url, DATABASE_MODE: 'serverless' } : { DATABASE_URL: direct },
    replicaUrl: servers.replicaUrl,
    primaryUrl: () => primaryUrl,
    link,
    ...(pooler && { pooler }),
    killPrimary: servers.killPrimary,
    failOver: async () => {
      await servers.promoteReplica();
      await link.leadTo(new URL(servers.replicaUrl).host);
      primaryUrl = servers.replicaUrl;
    },
  };
};
