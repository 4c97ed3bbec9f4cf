import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';
import { createOneAtATime } from '#src/database/connections/turns/one-at-a-time.ts';

const inRequest = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> =>
  runInRequest({ clientIp: '203.0.113.1', signal } as RequestContext, work);

test('works of one name run one after another in their order, and those of other names beside them', async (t) => {
  const oneAtATime = createOneAtATime(noMetrics);
  const order: string[] = [];
  const run = (name: string, label: string) =>
    oneAtATime(name, async () => {
      order.push(`${label} begins`);
      // The others could begin meanwhile.
      await nextTurn();
      order.push(`${label} ends`);
      return label;
    });
  const labels = await Promise.all([run('a', 'first'), run('a', 'second'), run('b', 'other'), run('a', 'third')]);
  t.deepEqual(labels, ['first', 'second', 'other', 'third']);
  const ofA = order.filter((each) => !each.startsWith('other'));
  t.deepEqual(ofA, ['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
  t.true(order.indexOf('other begins') < order.indexOf('first ends'));
});

test('the next work runs after one that fails, and one whose request has ended does not run', async (t) => {
  const oneAtATime = createOneAtATime(noMetrics);
  const leaving = new AbortController();
  const gone = new AppError('overloaded', 'The client has left');
  const gate = Promise.withResolvers<void>();
  const failing = oneAtATime('a', () => gate.promise);
  const left = inRequest(leaving.signal, () => oneAtATime('a', async () => t.fail()));
  const last = oneAtATime('a', async () => 'done');
  leaving.abort(gone);
  t.is(await t.throwsAsync(left), gone);
  gate.reject(new Error('broken'));
  await t.throwsAsync(failing, { message: 'broken' });
  t.is(await last, 'done');
});

test('a work that waits for five seconds is refused, and the client may repeat it', async (t) => {
  const oneAtATime = createOneAtATime(noMetrics);
  const gate = Promise.withResolvers<void>();
  const running = oneAtATime('a', () => gate.promise);
  const error = await t.throwsAsync(
    oneAtATime('a', async () => t.fail()),
    { instanceOf: AppError, code: 'database_conflict' },
  );
  t.is(error.retryAfter, 1);
  gate.resolve();
  await running;
  t.is(await oneAtATime('a', async () => 'free again'), 'free again');
});
