import type { Clock } from '#src/kernel/ports/clock.ts';
import type { SharedRedis } from '#src/kernel/ports/redis.ts';

export type CreditsDeps = {
  /** Name of the account; part of the Redis key. */
  readonly name: string;
  readonly perMinute: number;
  /** If undefined, the credits are counted in this process only. */
  readonly redis: SharedRedis | undefined;
  readonly clock: Clock;
};

export type Credits = {
  readonly perMinute: number;
  /**
   * Takes `count` credits or none. Never rejects.
   * @returns 0 if they were taken, else the milliseconds until the next attempt
   */
  readonly take: (count: number) => Promise<number>;
};

const minuteMs = 60_000;
const prefix = 'volwatch:credits';

/**
 * The script uses the clock of the server, so that processes with different clocks share the same minute. It has one key,
 * which expires with the minute, because a cluster refuses keys that were not named before.
 */
const takeScript = `
  local now = redis.call('TIME')
  local next_minute = (math.floor(now[1] / 60) + 1) * 60000
  local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
  if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
    return next_minute - now[1] * 1000 - math.floor(now[2] / 1000)
  end
  redis.call('INCRBY', KEYS[1], ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], next_minute)
  return 0`;

/** Credits that are renewed at every full minute. Without a Redis connection they are counted in this process only. */
export const createCredits = ({ name, perMinute, redis, clock }: CreditsDeps): Credits => {
  let minute = 0;
  let spent = 0;
  const takeLocally = (count: number): number => {
    const now = clock.now().getTime();
    if (Math.floor(now / minuteMs) !== minute) spent = 0;
    minute = Math.floor(now / minuteMs);
    if (spent + count > perMinute) return minuteMs - (now % minuteMs);
    spent += count;
    return 0;
  };
  const key = `${prefix}:${name}`;
  const takeShared = async ({ client }: SharedRedis, from: string, count: number): Promise<number> =>
    Number(await client.eval(takeScript, 1, from, count, perMinute));
  // The probe takes no credits, but runs every command of the script.
  const gate = redis?.use('credits', (tag) => takeShared(redis, `${prefix}:probe:{${tag}}`, 0));
  return {
    perMinute,
    take: async (count) => {
      if (!redis || !gate?.works()) return takeLocally(count);
      try {
        const wait = await gate.run(key, () => takeShared(redis, key, count));
        // The local count includes the credits of this process only. It is used if Redis fails within the minute.
        if (wait === 0) takeLocally(count);
        return wait;
      } catch {
        return takeLocally(count);
      }
    },
  };
};
