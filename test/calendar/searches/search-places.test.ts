import test from 'ava';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createEvents } from '#src/calendar/events.ts';
import { createSearchPlaces } from '#src/calendar/search-places.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { currentRequest, runInRequest } from '#src/kernel/requests/request-context.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { createGates, turnOfLoop } from '#testkit/measures/gates.ts';

/** Lists of events with statements that run until `drain`. */
const setup = () => {
  const abuse = recordAbuse();
  const { pass, drain, state } = createGates();
  const clock = { now: 0 };
  const order: string[] = [];
  /** How many places the request of each statement holds. */
  const held: number[] = [];
  const query = async (text: string, [id]: readonly unknown[]): Promise<unknown[]> => {
    if (text.includes('calendar_connection')) return [{ id }];
    held.push(currentRequest()?.placesHeld ?? 0);
    await pass();
    return [];
  };
  const events = createEvents({
    reader: { query } as unknown as Reader,
    searchPlaces: createSearchPlaces({ abuse, metrics: noMetrics, now: () => clock.now }),
  });
  const page = { after: null, from: null, to: null, limit: 1 };
  const list = (user: string, clientIp: string, symbol?: string): Promise<string> =>
    runInRequest(
      {
        clientIp,
        principal: { kind: 'user', subject: user, scopes: [] },
        requestId: 'r',
        traceId: 't',
        signal: new AbortController().signal,
        timings: {},
      },
      async () => {
        const outcome = await events.list({ kind: 'user', id: user }, page, symbol).then(() => 'none', codeOf);
        order.push(user);
        return outcome;
      },
    );
  return { list, drain, order, held, state, abuse, clock };
};

test('two searches by symbol run at once; lists without a symbol need no place', async (t) => {
  const { list, drain, state } = setup();
  const searches = Array.from({ length: 10 }, (_, index) => list(`user-${index}`, '192.0.2.1', 'AAPL'));
  await turnOfLoop();
  t.is(state.max, 2);
  const lists = Array.from({ length: 5 }, (_, index) => list(`user-${index}`, '192.0.2.1'));
  await turnOfLoop();
  t.is(state.max, 7);
  await drain();
  t.deepEqual(new Set(await Promise.all([...searches, ...lists])), new Set(['none']));
});

test('a search with a place does not wait for connections behind the requests of its network', async (t) => {
  const { list, drain, held } = setup();
  const all = [list('user-1', '192.0.2.1'), list('user-1', '192.0.2.1', 'AAPL')];
  await drain();
  t.deepEqual(await Promise.all(all), ['none', 'none']);
  t.deepEqual(held, [0, 1]);
});

test('a caller has at most eight searches in progress', async (t) => {
  const { list, drain, abuse } = setup();
  const own = Array.from({ length: 8 }, () => list('user-1', '192.0.2.1', 'AAPL'));
  await turnOfLoop();
  t.is(await list('user-1', '192.0.2.1', 'AAPL'), 'concurrency_limit_exceeded');
  t.deepEqual(abuse.kinds, ['concurrency_by_caller']);
  const other = list('user-2', '192.0.2.1', 'AAPL');
  await drain();
  t.deepEqual(new Set(await Promise.all([...own, other])), new Set(['none']));
});

test('many accounts of one network, with five searches each, do not delay the search of another network', async (t) => {
  const { list, drain, order, clock } = setup();
  const flood = Array.from({ length: 120 }, (_, index) => list(`user-${index % 24}`, '192.0.2.1', 'AAPL'));
  // Less than what two places are in this time is no difference between networks.
  await turnOfLoop();
  clock.now += 200;
  const other = list('victim', '198.51.100.1', 'AAPL');
  await turnOfLoop();
  // Those that found no place were refused at once.
  order.length = 0;
  await drain();
  t.is(await other, 'none');
  t.true(order.indexOf('victim') <= 2, `ended as number ${order.indexOf('victim') + 1}`);
  const refused = (await Promise.all(flood)).filter((outcome) => outcome === 'overloaded');
  t.is(refused.length, 120 - 2 - 63);
});
