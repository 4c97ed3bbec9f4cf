import test from 'ava';
import { AppError, codeOf, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { createSharedLoads } from '#src/kernel/requests/callers/shared-loads.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { turnOfLoop } from '#testkit/measures/gates.ts';

/** Requests for one name. `ends` are the ends of the loads, by request: an error, or a value. */
const setup = () => {
  const share = createSharedLoads();
  const loads: { readonly request: string; readonly end: (error?: unknown) => void }[] = [];
  const ask = (request: string, signal = new AbortController().signal): Promise<string> =>
    runInRequest({ clientIp: '192.0.2.1', signal } as RequestContext, () =>
      share('name', () => {
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        loads.push({ request, end: (error) => (error === undefined ? resolve(request) : reject(error)) });
        return promise;
      }).catch(codeOf),
    );
  return { ask, loads, names: () => loads.map(({ request }) => request) };
};

const ofOneRequest: readonly ErrorCode[] = [
  'request_timeout',
  'database_pool_exhausted',
  'concurrency_limit_exceeded',
  'overloaded',
];
for (const code of ofOneRequest) {
  test(`after ${code} of another request the second load of each request is its own`, async (t) => {
    const { ask, loads, names } = setup();
    const answers = ['a', 'b', 'c'].map((request) => ask(request));
    loads[0]!.end(new AppError(code));
    await turnOfLoop();
    t.deepEqual(names(), ['a', 'b', 'c']);
    // The limit of `b` is that of `b` alone.
    loads[1]!.end(new AppError(code));
    await turnOfLoop();
    const late = ask('d');
    loads[2]!.end();
    t.deepEqual(await Promise.all([...answers, late]), [code, code, 'c', 'c']);
    t.deepEqual(names(), ['a', 'b', 'c'], 'the newest load is shared again');
    const next = ask('e');
    loads.at(-1)!.end();
    t.is(await next, 'e', 'an ended load is not shared');
  });
}

test('a fault is repeated once for all, and other errors are not repeated', async (t) => {
  const { ask, loads, names } = setup();
  const faulty = ['a', 'b', 'c'].map((request) => ask(request));
  for (const number of [0, 1]) {
    loads[number]!.end(new TypeError('a fault of the service'));
    await turnOfLoop();
  }
  t.deepEqual(await Promise.all(faulty), ['internal_error', 'internal_error', 'internal_error']);
  t.deepEqual(names(), ['a', 'b']);
  const refused = ['d', 'e'].map((request) => ask(request));
  loads.at(-1)!.end(new AppError('database_unavailable'));
  t.deepEqual(await Promise.all(refused), ['database_unavailable', 'database_unavailable']);
  t.deepEqual(names(), ['a', 'b', 'd']);
});

test('a request that has ended begins no load', async (t) => {
  const { ask, loads, names } = setup();
  const controller = new AbortController();
  const answers = [ask('a'), ask('b', controller.signal)];
  controller.abort(new AppError('request_timeout'));
  loads[0]!.end(new AppError('overloaded'));
  t.deepEqual(await Promise.all(answers), ['overloaded', 'request_timeout']);
  t.deepEqual(names(), ['a']);
});
