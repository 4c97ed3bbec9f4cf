import type { Redis } from 'ioredis';
import type { Clock } from '#src/kernel/clock.ts';

export type CreditsDeps = {
  /** Whose account: part of the Redis key. */
  readonly name: string;
  readonly perMinute: number;
  /** Undefined: this process is alone. */
  readonly redis: Redis | undefined;
  readonly clock: Clock;
};

export type Credits = {
  readonly perMinute: number;
  /** Takes `count` or none. @returns milliseconds to wait before asking again; 0 when they were taken. Never rejects. */
  readonly take: (count: number) => Promise<number>;
};

const minuteMs = 60_000;

/** By the server's clock, so that processes whose clocks differ still share one minute. */
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

/** Credits that come back when the minute turns. Counted here alone while Redis is away. */
export const createCredits = ({ name, perMinute, redis, clock }: CreditsDeps): Credits => {
  let minute = 0;
  let spent = 0;
  const takeHere = (count: number): number => {
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
      if (!redis) return takeHere(count);
      try {
        const wait = Number(await redis.eval(takeScript, 1, `volwatch:credits:${name}`, count, perMinute));
        // What the others spend is not known here; what was spent here is, should Redis go away within the minute.
        if (wait === 0) takeHere(count);
        return wait;
      } catch {
        return takeHere(count);
      }
    },
  };
};
