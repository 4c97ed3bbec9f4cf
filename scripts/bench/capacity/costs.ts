import autocannon from 'autocannon';
import type { Redis } from 'ioredis';
import { allStats } from '#testkit/measures/processes.ts';
import { statementOn } from '#testkit/servers/replica.ts';
import type { Service } from '#testkit/service.ts';
import type { Kind } from './kinds.ts';

export type Parts = { readonly service: Service; readonly redis: Redis; readonly databaseUrl: string };

export type Cost = {
  readonly name: string;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Processor time per request in milliseconds: the main process, its pricing processes, PostgreSQL and Redis. */
  readonly mainMs: number;
  readonly pricingMs: number;
  readonly postgresMs: number;
  readonly redisMs: number;
  /** Per request. */
  readonly transactions: number;
  readonly commands: number;
};

type Usage = Record<'main' | 'pricing' | 'postgres' | 'redis' | 'transactions' | 'commands', number>;

const usageOf = async ({ service, redis, databaseUrl }: Parts): Promise<Usage> => {
  const [row] = await statementOn(
    databaseUrl,
    'select pg_backend_pid() as pid, (select sum(xact_commit) from pg_stat_database)::int as transactions',
  );
  const all = allStats();
  const secondsOfChildren = (pid: number): number =>
    [...all.values()]
      .filter(({ parent }) => parent === pid)
      .reduce((sum, { processorSeconds }) => sum + processorSeconds, 0);
  // The backend of this statement has ended, so the parent of all backends comes from the file of the server.
  const [server] = await statementOn(
    databaseUrl,
    `select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`,
  );
  const info = await redis.info();
  const number = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  return {
    main: all.get(service.pid)?.processorSeconds ?? 0,
    pricing: secondsOfChildren(service.pid),
    postgres: secondsOfChildren(Number(server?.['pid'])),
    redis: number('used_cpu_user') + number('used_cpu_sys'),
    transactions: Number(row?.['transactions']),
    commands: number('total_commands_processed'),
  };
};

/** One round: what each part used, divided by the answers. */
const roundOf = async (parts: Parts, { name, request, connections = 8 }: Kind): Promise<Cost> => {
  const before = await usageOf(parts);
  const { url } = parts.service;
  const { requests, latency, non2xx, errors, duration } = await autocannon({
    url,
    connections,
    duration: 1,
    requests: [request],
  });
  const after = await usageOf(parts);
  if (non2xx + errors > 0 || requests.total === 0) throw new Error(`${name}: ${non2xx} refused, ${errors} unanswered`);
  const each = (part: keyof Usage): number => (after[part] - before[part]) / requests.total;
  return {
    name,
    perSecond: requests.total / duration,
    p50: latency.p50,
    p99: latency.p99,
    mainMs: each('main') * 1_000,
    pricingMs: each('pricing') * 1_000,
    postgresMs: each('postgres') * 1_000,
    redisMs: each('redis') * 1_000,
    transactions: each('transactions'),
    commands: each('commands'),
  };
};

const totalMs = ({ mainMs, pricingMs, postgresMs, redisMs }: Cost): number => mainMs + pricingMs + postgresMs + redisMs;

/**
 * Saturates the service with one kind of request, for a round of a second at a time. The cheapest round counts, because other
 * work on the host makes a request dearer and never cheaper.
 */
export const costOf = async (parts: Parts, kind: Kind, rounds: number): Promise<Cost> => {
  await roundOf(parts, kind);
  const costs: Cost[] = [];
  for (let round = 0; round < rounds; round += 1) costs.push(await roundOf(parts, kind));
  return costs.toSorted((one, other) => totalMs(one) - totalMs(other))[0]!;
};
