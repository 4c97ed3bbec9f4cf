/**
 * How the dependencies of a world are deployed: one Redis server and PostgreSQL with a replica; a Redis Cluster; Redis
 * behind Sentinel; PostgreSQL behind PgBouncer; PostgreSQL behind a proxy. In the last two, each commit waits for the
 * replica, and a cell makes the replica the primary. The cells of one topology share a world.
 */
export const topologies = ['server', 'cluster', 'sentinel', 'pooler', 'failover'] as const;
export type Topology = (typeof topologies)[number];
