import type { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/ports/clock.ts';

export type CreditsDeps = {
  /** Name of the account; part of the Redis key. */
  readonly name: string;
  readonly perMinute: number;
  /** If undefined, the credits are counted in this process only. */
  readonly redis: Redis | undefined;
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

/** The script uses the clock of the server, so that processes with different clocks share the same minute. */
const takeScript = `
  local now = redis.call('TIME')
  local minute = math.floor(now[1] / 60)
  local key = KEYS[1] .. ':' .. minute
  local spent = tonumber(redis.call('GET', key) or '0')
  if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
    return (minute + 1) * 60000 - now[1] * 1000 - math.floor(now[2] / 1000)
  end
  redis.call('INCRBY', key, ARGV[1])
  redis.call('EXPIRE', key, 120)
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
  return {
    perMinute,
    take: async (count) => {
      if (!redis) return takeLocally(count);
      try {
        const wait = Number(await redis.eval(takeScript, 1, `volwatch:credits:${name}`, count, perMinute));
        // The local count includes the credits of this process only. It is used if Redis fails within the minute.
        if (wait === 0) takeLocally(count);
        return wait;
      } catch {
        return takeLocally(count);
      }
    },
  };
};
