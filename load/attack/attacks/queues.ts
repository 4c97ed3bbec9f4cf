import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { payloads } from '../payloads.ts';
import { leaveAfter, rawRequest } from '../raw-request.ts';

const json = { 'Content-Type': 'application/json' };
const body = Buffer.from(JSON.stringify({ symbol: '^GSPC', horizon_periods: 20, method: 'garch11' }));

/**
 * Each address has an account, and two requests at once. A forecast takes 10 ms, but more networks than `PRICING_QUEUE_LIMIT` had places
 * took those of others.
 */
export const forecasts: Attack = {
  name: 'volatility forecasts of many accounts',
  run: async (field) => {
    const users = await field.people.make(field.addresses.length);
    // In bursts, and not grouped by address, because the queue is full only of tasks of many networks.
    await each(field, { parallel: Math.max(8, 2 * users.length), grouped: true }, (number) => {
      const at = number % users.length;
      return rawRequest({
        ...field,
        address: field.addresses[at]!,
        method: 'POST',
        path: '/api/v1/ml/volatility-forecast',
        headers: { ...json, Authorization: `Bearer ${users[at]!.token}` },
        body,
      });
    });
  },
};

/**
 * Searches that nothing can interrupt, and clients of other batches that leave meanwhile. A process that did not see the cancellation in
 * time was killed.
 */
export const leavingBesideSearches: Attack = {
  name: 'clients that leave beside searches that take seconds',
  run: (field) =>
    each(field, { parallel: 8 }, (number, address) => {
      const [path, bytes, leaves] =
        number % 40 === 0
          ? (['implied-volatility', payloads.longSearch(), false] as const)
          : (['batch', payloads.slowBatch(), true] as const);
      return rawRequest({
        ...field,
        address,
        method: 'POST',
        path: `/api/v1/pricing/${path}`,
        headers: json,
        body: bytes,
        ...(leaves && { afterwards: leaveAfter(300) }),
      });
    }),
};
