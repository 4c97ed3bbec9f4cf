import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { runInRequest } from '#src/kernel/requests/request-context.ts';
import { createExplanationPlaces } from '#src/market-data/reads/explanation-places.ts';
import { recordAbuse } from '#testkit/abuse.ts';
import { createGates } from '#testkit/measures/gates.ts';

const setup = () => {
  const abuse = recordAbuse();
  const places = createExplanationPlaces({ abuse, metrics: noMetrics });
  const { pass, drain, state } = createGates();
  const use = (clientIp: string, failure?: Error): Promise<string> =>
    runInRequest(
      { clientIp, requestId: 'r', traceId: 't', signal: new AbortController().signal, timings: {} },
      async () =>
        places.use(async () => {
          await pass();
          if (failure) throw failure;
          return clientIp;
        }),
    );
  return { use, drain, state, kinds: abuse.kinds };
};
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => codeOf(error),
  );

test('four explanations run at once, the others wait in turn, and a failed one frees its place', async (t) => {
  const { use, drain, state } = setup();
  const failing = refusal(use('192.0.2.1', new RangeError('broken')));
  const others = Array.from({ length: 20 }, (_, index) => use(`192.0.2.${10 + index}`));
  await drain();
  t.is(await failing, 'internal_error');
  t.is((await Promise.all(others)).length, 20);
  t.is(state.max, 4);
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
  const flood = Array.from({ length: 68 }, (_, index) => use(`192.0.2.${index % 9}`).catch(codeOf));
  const other = use('198.51.100.1');
  await drain();
  t.is(await other, '198.51.100.1');
  t.is((await Promise.all(flood)).filter((answer) => answer === 'overloaded').length, 1);
});

test('when 64 explanations wait, the next one is refused as overload', async (t) => {
  const { use, drain, kinds } = setup();
  const all = Array.from({ length: 68 }, (_, index) => use(`192.0.2.${index}`));
  t.is(await refusal(use('198.51.100.1')), 'overloaded');
  t.deepEqual(kinds, []);
  await drain();
  t.is((await Promise.all(all)).length, 68);
});
