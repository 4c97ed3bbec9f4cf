import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const maxOutput = 4_194_304;

/** The commands that the service sends most: the counter of a limit is a script, the cache reads and writes. */
const redisTests: Readonly<Record<string, readonly string[]>> = {
  get: ['-t', 'get'],
  set: ['-t', 'set'],
  'script of a counter': [
    'eval',
    "redis.call('set', KEYS[1], 0, 'PX', ARGV[1], 'NX') return {redis.call('incrby', KEYS[1], 1), redis.call('pttl', KEYS[1])}",
    '1',
    'capacity:__rand_int__',
    '60000',
  ],
};

/** The best of three, because other work on the host makes a server slower and never faster. */
const bestOf = async (measure: () => Promise<number>): Promise<number> =>
  Math.max(await measure(), await measure(), await measure());

/** Commands per second of `redis-benchmark` with 16 connections. */
export const measureRedis = async (port: number, requests: number): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>();
  for (const [name, words] of Object.entries(redisTests)) {
    const common = ['-p', String(port), '-c', '16', '-n', String(requests), '-r', '10000', '--csv'];
    const measure = async (): Promise<number> => {
      const { stdout } = await run('redis-benchmark', [...common, ...words], { maxBuffer: maxOutput });
      // The command of a script contains commas, so the figure is the first number after its closing quote.
      return Number(/"([\d.]+)","[\d.]+","[\d.]+","[\d.]+"/.exec(stdout.trim().split('\n').at(-1) ?? '')?.[1]);
    };
    found.set(name, await bestOf(measure));
  }
  return found;
};

/** Transactions per second of `pgbench`, scale 10: reads by key, or an update, a read and an insert in each. */
export const measurePostgres = async (url: string, seconds: number): Promise<ReadonlyMap<string, number>> => {
  await run('pgbench', ['--initialize', '--quiet', '--scale=10', url], { maxBuffer: maxOutput });
  const found = new Map<string, number>();
  for (const [name, mode] of [
    ['reads by key', '--select-only'],
    ['transactions with writes', '--builtin=simple-update'],
  ] as const) {
    const common = ['--client=8', '--jobs=2', `--time=${seconds}`, '--no-vacuum', '--protocol=prepared'];
    const measure = async (): Promise<number> => {
      const { stdout } = await run('pgbench', [...common, mode, url], { maxBuffer: maxOutput });
      return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
    };
    found.set(name, await bestOf(measure));
  }
  return found;
};
