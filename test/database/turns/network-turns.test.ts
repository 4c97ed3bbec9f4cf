import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createNetworkTurns } from '#src/database/connections/turns/network-turns.ts';

const setup = () => {
  const clock = { now: 0 };
  const turns = createNetworkTurns({
    poolMax: 2,
    maxPerNetwork: 2,
    onTimeout: () => {},
    now: () => clock.now,
  });
  const order: string[] = [];
  const open: (() => void)[] = [];
  const enter = async (network: string, caller = network, signal = new AbortController().signal): Promise<void> => {
    const leave = await turns.enter({ network, caller, signal }, 60_000);
    order.push(caller);
    open.push(leave);
  };
  const next = async (): Promise<void> => {
    open.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** Ends turns until all requests have had theirs. */
  const finish = async (waiting: readonly Promise<void>[], before: number): Promise<void> => {
    while (order.length < before + waiting.length) await next();
    await Promise.all(waiting);
  };
  /** @returns the caller who gets the next connection */
  const nextCaller = async (): Promise<string | undefined> => {
    const at = order.length;
    await next();
    return order[at];
  };
  return { clock, turns, order, enter, next, nextCaller, finish };
};

test('the next connection is for the network that had the fewest recently', async (t) => {
  const { clock, order, enter, next } = setup();
  await Promise.all([enter('busy'), enter('busy')]);
  clock.now = 10_000;
  const waiting = [enter('other'), enter('other')];
  await next();
  await next();
  clock.now = 11_000;
  // Both networks hold nothing after the next two ends, and `busy` asked first.
  waiting.push(enter('busy'), enter('busy'), enter('new'));
  await next();
  await next();
  await next();
  await Promise.all(waiting);
  t.deepEqual(order, ['busy', 'busy', 'other', 'other', 'new', 'busy', 'busy']);
});

test('a network with little recent use comes before many that have a small share each', async (t) => {
  const { clock, order, enter, next, nextCaller, finish } = setup();
  const names = Array.from({ length: 20 }, (_, number) => `many ${number}`);
  await Promise.all([enter('many 0'), enter('many 1')]);
  const waiting = names.map((name) => enter(name));
  // Each has a tenth of a connection on average, and always a request that waits.
  for (let turn = 0; turn < 40; turn += 1) {
    clock.now += 500;
    await next();
    waiting.push(enter(order.at(-1)!));
  }
  waiting.push(enter('new'));
  t.is(await nextCaller(), 'new');
  await finish(waiting, 2);
});

test('networks that begin to use many connections do not count as small, also after others that have left', async (t) => {
  const { clock, order, enter, next, nextCaller, finish } = setup();
  const waiting: Promise<void>[] = [];
  /** Networks that have a request that waits, for so many turns of 50 ms. */
  const flood = async (group: string, turns: number): Promise<void> => {
    for (let number = 0; number < 20; number += 1) waiting.push(enter(`${group} ${number}`));
    for (let turn = 0; turn < turns; turn += 1) {
      clock.now += 50;
      await next();
      const last = order.at(-1)!;
      if (last.startsWith(group)) waiting.push(enter(last));
    }
  };
  await Promise.all([enter('first 0'), enter('first 1')]);
  await flood('first', 300);
  await flood('second', 80);
  waiting.push(enter('new'));
  t.is(await nextCaller(), 'new');
  await finish(waiting, 2);
});

test('in the first moment of a burst, a network that waits for one connection comes before those that wait for several', async (t) => {
  const { enter, nextCaller, finish } = setup();
  const names = Array.from({ length: 20 }, (_, number) => `many ${number}`);
  await Promise.all([enter('many 0'), enter('many 1')]);
  const waiting = names.flatMap((name) => [enter(name), enter(name)]);
  waiting.push(enter('one'));
  t.is(await nextCaller(), 'one');
  await finish(waiting, 2);
});

test('callers of one network take turns', async (t) => {
  const { order, enter, next, turns } = setup();
  await Promise.all([enter('a', 'a1'), enter('a', 'a1')]);
  const waiting = [enter('a', 'a1'), enter('a', 'a1'), enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3')];
  t.is(turns.waiting(), 5);
  for (const _ of waiting) await next();
  await Promise.all(waiting);
  t.deepEqual(order, ['a1', 'a1', 'a1', 'a2', 'a3', 'a1', 'a1']);
  t.is(turns.waiting(), 0);
});

test('a request that aborts gives up its place', async (t) => {
  const { order, enter, next, turns } = setup();
  await Promise.all([enter('a'), enter('a')]);
  const controller = new AbortController();
  const aborted = enter('b', 'b', controller.signal);
  const waiting = enter('c');
  controller.abort(new AppError('request_timeout'));
  // The next turn comes before any other code can run.
  await next();
  await waiting;
  await t.throwsAsync(aborted, { instanceOf: AppError, code: 'request_timeout' });
  t.is(turns.waiting(), 0);
  t.deepEqual(order, ['a', 'a', 'c']);
});

test('a request that has aborted before it waits has no place', async (t) => {
  const { enter, turns } = setup();
  await Promise.all([enter('a'), enter('a')]);
  await t.throwsAsync(enter('b', 'b', AbortSignal.abort()), { instanceOf: AppError, code: 'database_pool_exhausted' });
  t.is(turns.waiting(), 0);
});

test('a network that waits for several connections gets each third one beside many that wait for a single one', async (t) => {
  const { clock, order, enter, next } = setup();
  const names = Array.from({ length: 20 }, (_, number) => `many ${number}`);
  await Promise.all([enter('many 0'), enter('many 1')]);
  // Each of the many has used as much as the office.
  const waiting = [...names, 'office'].map((name) => enter(name));
  for (let turn = 0; turn < 60; turn += 1) {
    clock.now += 500;
    await next();
    waiting.push(enter(order.at(-1)!));
  }
  for (let user = 0; user < 5; user += 1) waiting.push(enter('office', `user ${user}`));
  const before = order.length;
  for (let turn = 0; turn < 18; turn += 1) {
    await next();
    const last = order.at(-1)!;
    if (last.startsWith('many')) waiting.push(enter(last));
  }
  const own = order.slice(before).filter((caller) => !caller.startsWith('many'));
  t.true(own.length >= 5, order.slice(before).join());
  while (order.length < waiting.length + 2) await next();
  await Promise.all(waiting);
});
