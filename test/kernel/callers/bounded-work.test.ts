import test from 'ava';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createBoundedWork, type BoundedWorkOptions } from '#src/kernel/requests/callers/bounded-work.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { recordMetrics } from '#testkit/metrics.ts';

const workOf = (concurrency: number, queue: number, changes: Partial<BoundedWorkOptions> = {}) =>
  createBoundedWork({
    work: 'password',
    metrics: noMetrics,
    concurrency,
    queue,
    detail: 'Too many sign-ins are being checked',
    retryAfter: 1,
    // On a busy machine the recent use of networks would differ.
    now: () => 0,
    ...changes,
  });

test('never more than so many at once, first come first served, and no more than the queue holds', async (t) => {
  const work = workOf(2, 3);
  const order: number[] = [];
  let running = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const task = (id: number) =>
    work.run(async () => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      order.push(id);
      running -= 1;
    });
  const accepted = [1, 2, 3, 4, 5].map(task);
  for (const id of [6, 7]) {
    const error = await t.throwsAsync(task(id), { instanceOf: AppError });
    t.is(error?.code, 'overloaded');
    t.is(error?.retryAfter, 1);
  }
  gate.resolve();
  await Promise.all(accepted);
  t.is(most, 2);
  t.deepEqual(order, [1, 2, 3, 4, 5]);
  await t.notThrowsAsync(task(8), 'the places are free again');
});

test('a task that throws gives its place back', async (t) => {
  const work = workOf(1, 0);
  await t.throwsAsync(work.run(() => Promise.reject(new Error('x'))));
  t.is(await work.run(async () => 1), 1);
});

const orderBesideNewNetworks = async (freeUse: number): Promise<readonly string[]> => {
  let time = 0;
  const work = workOf(1, 10, { freeUse, now: () => time });
  const order: string[] = [];
  const from = (clientIp: string, until: Promise<void> = Promise.resolve()): Promise<void> =>
    runInRequest({ clientIp } as RequestContext, () =>
      work.run(async () => {
        order.push(clientIp);
        await until;
      }),
    );
  const past = Promise.withResolvers<void>();
  const used = from('198.51.100.1', past.promise);
  time = 500;
  past.resolve();
  await used;
  const gate = Promise.withResolvers<void>();
  const first = from('203.0.113.1', gate.promise);
  const rest = ['198.51.100.1', '192.0.2.1', '100.64.0.1'].map((address) => from(address));
  gate.resolve();
  await Promise.all([first, ...rest]);
  return order.slice(2);
};

test('a network with little recent use has its turn among new ones, if some use is free', async (t) => {
  t.deepEqual(await orderBesideNewNetworks(0), ['192.0.2.1', '100.64.0.1', '198.51.100.1']);
  t.deepEqual(await orderBesideNewNetworks(0.02), ['198.51.100.1', '192.0.2.1', '100.64.0.1']);
});

test('callers take turns, and a caller who waits for nothing gets a place in a queue that another has filled', async (t) => {
  const work = workOf(1, 4);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const from = (clientIp: string, name: string): Promise<void> =>
    runInRequest({ clientIp } as RequestContext, () =>
      work.run(async () => {
        await gate.promise;
        order.push(name);
      }),
    );
  const flood = ['a0', 'a1', 'a2', 'a3', 'a4'].map((name) => from('192.0.2.1', name));
  const displaced = t.throwsAsync(flood[4]!, { instanceOf: AppError, message: /sign-ins/ });
  const other = from('192.0.2.2', 'b0');
  await displaced;
  gate.resolve();
  await Promise.all([...flood.slice(0, 4), other]);
  t.deepEqual(order, ['a0', 'a1', 'b0', 'a2', 'a3']);
});

test('a call whose request ends while it waits leaves the queue, and does not run', async (t) => {
  const work = workOf(1, 1);
  const gate = Promise.withResolvers<void>();
  const running = work.run(() => gate.promise);
  const left = new AbortController();
  const inRequest = (signal: AbortSignal, run: () => Promise<unknown>): Promise<unknown> =>
    runInRequest({ clientIp: '192.0.2.1', signal } as RequestContext, () => work.run(run));
  let runs = 0;
  const waiting = inRequest(left.signal, async () => (runs += 1));
  left.abort(new Error('left'));
  await t.throwsAsync(waiting, { message: 'left' });
  await t.throwsAsync(
    inRequest(left.signal, async () => (runs += 1)),
    { message: 'left' },
  );
  const next = inRequest(new AbortController().signal, async () => 'next');
  gate.resolve();
  await running;
  t.is(await next, 'next', 'its place is free');
  t.is(runs, 0);
});

test('a request that has ended displaces no other one', async (t) => {
  const work = workOf(1, 2);
  const gate = Promise.withResolvers<string>();
  const from = (clientIp: string, signal: AbortSignal): Promise<string> =>
    runInRequest({ clientIp, signal } as RequestContext, () => work.run(() => gate.promise));
  const open = new AbortController().signal;
  const calls = ['a', 'a', 'a'].map(() => from('192.0.2.1', open));
  await t.throwsAsync(from('192.0.2.2', AbortSignal.abort(new Error('left'))), { message: 'left' });
  gate.resolve('done');
  t.deepEqual(await Promise.all(calls), ['done', 'done', 'done']);
});

test('a request that ends right after its call was displaced takes no other call with it', async (t) => {
  const work = workOf(1, 2);
  const gate = Promise.withResolvers<string>();
  const from = (clientIp: string, signal: AbortSignal): Promise<string> =>
    runInRequest({ clientIp, signal } as RequestContext, () => work.run(() => gate.promise));
  const open = new AbortController().signal;
  const left = new AbortController();
  const kept = [from('192.0.2.1', open), from('192.0.2.1', open)];
  const displaced = from('192.0.2.1', left.signal);
  kept.push(from('192.0.2.2', open));
  left.abort(new Error('left'));
  await t.throwsAsync(displaced, { message: /sign-ins/ });
  gate.resolve('done');
  t.deepEqual(await Promise.all(kept), ['done', 'done', 'done']);
});

test('work that is not of one request waits until its own signal ends, and gives its place back once', async (t) => {
  const work = workOf(1, 2, { detail: 'Too many calls', callerNow: () => 'network' });
  const open = new AbortController();
  const leave = await work.enter(open.signal);
  const ended = new AbortController();
  const request = { clientIp: '192.0.2.1', signal: AbortSignal.abort() } as RequestContext;
  const waiting = runInRequest(request, () => work.enter(open.signal));
  const aborted = work.enter(ended.signal);
  ended.abort(new Error('ended'));
  await t.throwsAsync(aborted, { message: 'ended' });
  leave();
  leave();
  const leaveNext = await waiting;
  const last = work.enter(open.signal);
  await t.throwsAsync(Promise.all([work.enter(open.signal), work.enter(open.signal)]), { message: 'Too many calls' });
  leaveNext();
  (await last)();
});

test('where each caller waits for one call, the network with most callers makes room for others', async (t) => {
  const work = workOf(1, 4);
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const from = (clientIp: string, subject: string): Promise<string> =>
    runInRequest({ clientIp, principal: { kind: 'user', subject } } as RequestContext, () =>
      work
        .run(async () => {
          await gate.promise;
          order.push(subject);
        })
        .then(
          () => 'done',
          (error: unknown) => (error instanceof AppError ? error.code : 'unknown'),
        ),
    );
  const flood = ['a0', 'a1', 'a2', 'a3', 'a4'].map((name) => from('192.0.2.1', name));
  const others = [from('198.51.100.1', 'b'), from('203.0.113.1', 'c')];
  t.is(await flood[4], 'overloaded');
  t.is(await flood[3], 'overloaded');
  t.is(await from('192.0.2.1', 'a5'), 'overloaded', 'the largest network gets no more');
  t.is(await from('203.0.113.1', 'd'), 'overloaded', 'two of four is no smaller share');
  gate.resolve();
  t.deepEqual(await Promise.all(others), ['done', 'done']);
  t.deepEqual(order, ['a0', 'a1', 'a2', 'b', 'c']);
});

test('the next call is of the network that had the fewest places recently, and it also finds room in a full queue', async (t) => {
  let now = 0;
  const work = workOf(1, 2, { detail: 'Too many calls', now: () => now });
  const order: string[] = [];
  const from = (clientIp: string, name: string, gate: Promise<void>) =>
    runInRequest({ clientIp } as RequestContext, () =>
      work.run(async () => {
        order.push(name);
        await gate;
      }),
    );
  const done = Promise.resolve();
  for (const [address, seconds] of [
    ['192.0.2.1', 2],
    ['192.0.2.2', 1],
  ] as const) {
    const gate = Promise.withResolvers<void>();
    const call = from(address, address, gate.promise);
    now += seconds * 1_000;
    gate.resolve();
    await call;
  }
  const gate = Promise.withResolvers<void>();
  const first = from('192.0.2.3', 'c', gate.promise);
  const displaced = t.throwsAsync(from('192.0.2.1', 'a', done), { message: 'Too many calls' });
  const waiting = [from('192.0.2.2', 'b', done), from('192.0.2.4', 'd', done)];
  await displaced;
  await t.throwsAsync(from('192.0.2.1', 'a', done), { message: 'Too many calls' });
  gate.resolve();
  await Promise.all([first, ...waiting]);
  t.deepEqual(order, ['192.0.2.1', '192.0.2.2', 'c', 'd', 'b']);
});

test('the time that works wait for a place is measured, and those that find no place are counted', async (t) => {
  const metrics = recordMetrics();
  const work = workOf(1, 1, { work: 'large_page', metrics, detail: 'Other large pages are being read' });
  const places = { work: 'large_page' };
  t.deepEqual(metrics.series('volwatch_places_refused_total'), [places], 'the series exists before the first refusal');
  const gate = Promise.withResolvers<void>();
  const [running, waiting] = [work.run(() => gate.promise), work.run(async () => {})];
  t.is(metrics.value('volwatch_places_wait_duration_seconds', places), 1, 'the one that waits has not started');
  await t.throwsAsync(
    work.run(async () => {}),
    { message: /Other large pages are being read/ },
  );
  t.is(metrics.value('volwatch_places_refused_total', places), 1);
  gate.resolve();
  await Promise.all([running, waiting]);
  t.is(metrics.value('volwatch_places_wait_duration_seconds', places), 2);
});

test('the calls of a caller who comes from several networks count for the network of each call', async (t) => {
  const work = workOf(1, 5);
  const gate = Promise.withResolvers<void>();
  const outcomes: string[] = [];
  const call = (clientIp: string, subject: string): Promise<unknown> => {
    const principal = { kind: 'user', subject, scopes: [] } as const;
    const context = {
      requestId: 'r',
      traceId: 't',
      clientIp,
      signal: new AbortController().signal,
      timings: {},
      principal,
    };
    const run = runInRequest(context, () => work.run(() => gate.promise));
    return run.then(
      () => outcomes.push(`${clientIp} ran`),
      () => outcomes.push(`${clientIp} refused`),
    );
  };
  const calls = [call('192.0.2.1', 'first')];
  for (const address of ['198.51.100.1', ...Array.from({ length: 4 }, () => '203.0.113.1')]) {
    calls.push(call(address, 'many'));
  }
  calls.push(call('192.0.2.99', 'newcomer'));
  gate.resolve();
  await Promise.all(calls);
  const refused = outcomes.filter((each) => each.endsWith('refused'));
  t.deepEqual(refused, ['203.0.113.1 refused']);
});
