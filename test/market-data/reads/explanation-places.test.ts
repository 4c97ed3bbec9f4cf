import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { recordingAbuse } from '#test/http/support.ts';

const setup = () => {
  const { abuse, kinds } = recordingAbuse();
  const places = createExplanationPlaces({ abuse });
  const state = { running: 0, max: 0 };
  const open: (() => void)[] = [];
  const use = (clientIp: string, failure?: Error): Promise<string> =>
    runInRequest(
      { clientIp, requestId: 'r', traceId: 't', signal: new AbortController().signal, timings: {} },
      async () =>
        places.use(async () => {
          state.running += 1;
          state.max = Math.max(state.max, state.running);
          const gate = Promise.withResolvers<void>();
          open.push(gate.resolve);
          await gate.promise;
          state.running -= 1;
          if (failure) throw failure;
          return clientIp;
        }),
    );
  /** Ends what runs until nothing waits. */
  const drain = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    while (open.length > 0) {
      open.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { use, drain, state, kinds };
};
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => codeOf(error),
  );

test('two explanations run at once, the others wait in turn, and a failed one frees its place', async (t) => {
  const { use, drain, state } = setup();
  const failing = refusal(use('192.0.2.1', new RangeError('broken')));
  const others = Array.from({ length: 20 }, (_, index) => use(`192.0.2.${10 + index}`));
  await drain();
  t.is(await failing, 'internal_error');
  t.is((await Promise.all(others)).length, 20);
  t.is(state.max, 2);
  t.is(state.running, 0);
});

test('a caller has at most eight explanations in progress; others go on', async (t) => {
  const { use, drain, kinds } = setup();
  const own = Array.from({ length: 8 }, () => use('192.0.2.1'));
  t.is(await refusal(use('192.0.2.1')), 'concurrency_limit_exceeded');
  t.deepEqual(kinds, ['concurrency_by_caller']);
  const other = use('192.0.2.2');
  await drain();
  t.is((await Promise.all([...own, other])).length, 9);
  const again = use('192.0.2.1');
  await drain();
  t.is(await again, '192.0.2.1', 'the ended ones do not count');
});

test('callers with many explanations cannot keep another one away', async (t) => {
  const { use, drain } = setup();
  const flood = Array.from({ length: 66 }, (_, index) => use(`192.0.2.${index % 9}`).catch(codeOf));
  const other = use('198.51.100.1');
  await drain();
  t.is(await other, '198.51.100.1');
  t.is((await Promise.all(flood)).filter((answer) => answer === 'overloaded').length, 1);
});

test('when 64 explanations wait, the next one is refused as overload', async (t) => {
  const { use, drain, kinds } = setup();
  const all = Array.from({ length: 66 }, (_, index) => use(`192.0.2.${index}`));
  t.is(await refusal(use('198.51.100.1')), 'overloaded');
  t.deepEqual(kinds, []);
  await drain();
  t.is((await Promise.all(all)).length, 66);
});
