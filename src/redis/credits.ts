import type { Clock } from '#src/kernel/ports/clock.ts';
import type { SharedRedis } from '#src/kernel/ports/redis.ts';

const periodSeconds = { minute: 60, hour: 3_600 } as const;
type CreditPeriod = keyof typeof periodSeconds;

export type CreditsDeps = {
  /** Name of the account; part of the Redis key. */
  readonly name: string;
  /** Credits of each period. */
  readonly max: number;
  /** The credits are renewed when the Unix time is a multiple of it. */
  readonly period: CreditPeriod;
  /**
   * Renews the credits in equal parts of the period, so that those who wait in turns get some after a short time and not after the
   * period. Default: the whole period has its credits at once.
   */
  readonly isPaced?: boolean;
  /** If undefined, the credits are counted in this process only. */
  readonly redis: SharedRedis | undefined;
  readonly clock: Clock;
};

export type Credits = {
  /** Max credits of one call. */
  readonly max: number;
  /**
   * Takes `count` credits or none. Never rejects.
   * @returns 0 if they were taken, else the milliseconds until the next attempt
   */
  readonly take: (count: number) => Promise<number>;
};

const prefix = 'volwatch:credits';
/** A part of a period has so many credits or more, because a burst of one client is not a flood. */
const minPart = 50;

/** The shortest part of the period that divides it and has enough credits. */
const partOf = (max: number, seconds: number): { readonly seconds: number; readonly max: number } => {
  for (let part = 1; part < seconds; part += 1) {
    const credits = Math.floor((max * part) / seconds);
    if (seconds % part === 0 && credits >= minPart) return { seconds: part, max: credits };
  }
  return { seconds, max };
};

/**
 * The script uses the clock of the server, so that processes with different clocks share the same period. It has one key,
 * which expires with the period, because a cluster refuses keys that were not named before.
 */
const takeScript = `
  local now = redis.call('TIME')
  local seconds = tonumber(ARGV[3])
  local next_period = (math.floor(now[1] / seconds) + 1) * seconds * 1000
  local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
  if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
    return next_period - now[1] * 1000 - math.floor(now[2] / 1000)
  end
  redis.call('INCRBY', KEYS[1], ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], next_period)
  return 0`;

/** Credits that are renewed at every full minute or hour, or part of it. Without a Redis connection they are counted in this process only. */
export const createCredits = ({ name, period, isPaced = false, redis, clock, ...deps }: CreditsDeps): Credits => {
  const whole = { seconds: periodSeconds[period], max: deps.max };
  const { seconds, max } = isPaced ? partOf(whole.max, whole.seconds) : whole;
  const periodMs = seconds * 1_000;
  let current = 0;
  let spent = 0;
  const takeLocally = (count: number): number => {
    const now = clock.now().getTime();
    if (Math.floor(now / periodMs) !== current) spent = 0;
    current = Math.floor(now / periodMs);
    if (spent + count > max) return periodMs - (now % periodMs);
    spent += count;
    return 0;
  };
  const key = `${prefix}:${name}`;
  const takeShared = async ({ client }: SharedRedis, from: string, count: number): Promise<number> =>
    Number(await client.eval(takeScript, 1, from, count, max, seconds));
  // The probe takes no credits, but runs every command of the script.
  const gate = redis?.use('credits', (tag) => takeShared(redis, `${prefix}:probe:{${tag}}`, 0));
  return {
    max,
    take: async (count) => {
      if (!redis || !gate?.works()) return takeLocally(count);
      try {
        const wait = await gate.run(key, () => takeShared(redis, key, count));
        // The local count includes the credits of this process only. It is used if Redis fails within the period.
        if (wait === 0) takeLocally(count);
        return wait;
      } catch {
        return takeLocally(count);
      }
    },
  };
};
