import type { Counters } from '#src/rate-limit/counters.ts';
import type { PolicyName } from '#src/rate-limit/policies.ts';

type Points = Partial<Record<PolicyName, number>>;

/** Counts as the real counters do, in a time of its own. @param points of policies that have others than 1,000,000 */
export const countersInOwnTime = (points: Points) => {
  let seconds = 0;
  const windows = new Map<string, { count: number; ends: number }>();
  const find = (policy: PolicyName, key: string) => {
    const window = windows.get(`${policy} ${key}`);
    return window && window.ends > seconds ? window : undefined;
  };
  const counters: Counters = {
    consume: async (policy, key, windowSeconds = 86_400) => {
      const entry = find(policy, key) ?? { count: 0, ends: seconds + windowSeconds };
      entry.count += 1;
      windows.set(`${policy} ${key}`, entry);
      const max = policy === 'account_delay' ? 1 : (points[policy] ?? 1_000_000);
      const resetSeconds = entry.ends - seconds;
      return {
        allowed: entry.count <= max,
        remaining: 0,
        consumed: entry.count,
        resetSeconds,
        backend: 'memory',
      };
    },
    consumed: async (policy, key) => find(policy, key)?.count ?? 0,
    refund: async (policy, key) => {
      const entry = find(policy, key);
      if (entry) entry.count = Math.max(0, entry.count - 1);
    },
    reset: async (policy, key) => windows.delete(`${policy} ${key}`),
  };
  const advance = (by: number): void => {
    seconds += by;
  };
  return { counters, advance };
};
