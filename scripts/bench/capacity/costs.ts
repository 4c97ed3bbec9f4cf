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

/** Processor seconds by process id. */
type Seconds = ReadonlyMap<number, number>;
type Usage = Readonly<Record<'main' | 'redis' | 'transactions' | 'commands', number>> &
  Readonly<Record<'pricing' | 'postgres', Seconds>>;

const usageOf = async ({ service, redis, databaseUrl }: Parts): Promise<Usage> => {
  const [row] = await statementOn(
    databaseUrl,
    'select pg_backend_pid() as pid, (select sum(xact_commit) from pg_stat_database)::int as transactions',
  );
  const all = allStats();
  const secondsOfChildren = (parentPid: number): Seconds =>
    new Map(
      [...all].flatMap(([pid, { parent, processorSeconds }]) =>
        parent === parentPid ? [[pid, processorSeconds]] : [],
      ),
    );
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

/** The time of each process that runs at the end. What a process used that ended in between is not known. */
const usedBetween = (before: Seconds, after: Seconds): number =>
  after.entries().reduce((sum, [pid, seconds]) => sum + seconds - (before.get(pid) ?? 0), 0);

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
  const each = (part: 'main' | 'redis' | 'transactions' | 'commands'): number =>
    (after[part] - before[part]) / requests.total;
  const eachOf = (part: 'pricing' | 'postgres'): number => usedBetween(before[part], after[part]) / requests.total;
  return {
    name,
    perSecond: requests.total / duration,
    p50: latency.p50,
    p99: latency.p99,
    mainMs: each('main') * 1_000,
    pricingMs: eachOf('pricing') * 1_000,
    postgresMs: eachOf('postgres') * 1_000,
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
