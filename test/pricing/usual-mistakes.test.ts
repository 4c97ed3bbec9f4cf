import test from 'ava';
import { serve } from '../http/support.ts';
import { answerOf, expectedOf, requestOf, usualMistakes } from '#testkit/mistakes/usual-mistakes.ts';
import { arrowStream, columnsOf } from '#testkit/arrow/arrow-support.ts';
import { createNearestOf } from '#src/kernel/lists/near-names.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { call, setup } from './setup.ts';

const nearestAsset = createNearestOf({ read: async () => ['AAPL', 'MSFT'], clock: systemClock });
const { routes, calibrationRoute, service, workers } = setup({ closes: async () => undefined, nearestAsset });
test.after.always(() => workers.close());

type Problem = {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
};

test('the table has fifty mistakes or more, each with a message of its own title', (t) => {
  t.true(usualMistakes.length >= 50);
  t.is(new Set(usualMistakes.map(({ title }) => title)).size, usualMistakes.length);
});

test('each usual mistake is answered over HTTP with the message of the table', async (t) => {
  const server = await serve(t, { routes: [...routes, calibrationRoute] });
  for (const mistake of usualMistakes) {
    const { title, path } = mistake;
    const response = await server.call(`/api/v1${path}`, requestOf(mistake));
    const problem = (await response.json()) as Problem;
    const [error] = problem.errors ?? [];
    // `detail` may begin with the field, and may end with the number of other errors.
    t.true(error === undefined || problem.detail.includes(error.detail), `${title}: detail is about the first error`);
    t.deepEqual(answerOf(response.status, problem), expectedOf(mistake), title);
  }
});

test('a value in a suspicious unit is priced with a warning, in every format', async (t) => {
  const row = { ...call, volatility: 20, time_to_expiry: 182 };
  const pointers = (warnings: unknown) => (warnings as { pointer: string }[]).map(({ pointer }) => pointer);
  t.deepEqual(pointers((await service.price(row)).warnings), ['/time_to_expiry', '/volatility']);
  t.is((await service.price(call)).warnings, undefined);
  const objects = await service.batch({ options: [call, row] });
  t.is(objects.results[0]?.['warnings'], undefined);
  t.deepEqual(pointers(objects.results[1]?.['warnings']), ['/options/1/time_to_expiry', '/options/1/volatility']);
  const columns = await service.batch({ columns: { ...call, volatility: [0.2, 20, 30] } });
  t.like(columns, { succeeded: 3, warnings: [{ field: 'volatility', rows: 2, index: 1, code: 'suspicious_unit' }] });
  const strict = await service.batch({ columns: { ...call, volatility: [0.2, 20] }, strict_units: true });
  t.like(strict, { succeeded: 1, errors: [{ index: 1, field: 'volatility', code: 'validation_failed' }] });
  const rows = await service.batch({ options: [call, row], strict_units: true });
  t.like(rows, { succeeded: 1, failed: 1 });
  t.like(rows.results[1], { error: { pointer: '/options/1/time_to_expiry' } });
});

test('a mistake of the whole request is one 422 in each format, a mistake of a row fails the row', async (t) => {
  const american = { ...call, exercise_style: 'american', model: 'black_scholes' };
  const refused: readonly (readonly [Promise<unknown>, string])[] = [
    [service.batch({ options: [american, american] }), '/options/0/exercise_style'],
    [service.batch({ columns: call, exercise_style: 'american', model: 'black_scholes' }), '/exercise_style'],
    [service.batch({ columns: american }), '/columns/exercise_style'],
    [
      service.send({ bytes: arrowStream(columnsOf([american])), input: 'arrow', answer: ['arrow'] }),
      '/columns/exercise_style',
    ],
    [service.batch({ options: [call], outputs: ['nu'] }), '/outputs/0'],
    [service.batch({ columns: { ...call, forward: 1 } }), '/columns/forward'],
  ];
  for (const [sent, pointer] of refused) {
    const error = await t.throwsAsync(sent, { instanceOf: AppError, code: 'validation_failed' });
    t.is(error?.errors?.[0]?.pointer, pointer);
  }
  const { results, failed } = await service.batch({ options: [call, american], outputs: ['greeks'] });
  t.is(failed, 1);
  t.like(results[1], { error: { pointer: '/options/1/exercise_style' } });
  t.is(typeof results[0]?.['delta'], 'number');
});

test('models, styles and ids may differ by row in each format', async (t) => {
  const european = { ...call, model: 'black_scholes', exercise_style: 'european', id: 'a' };
  const american = { ...call, model: 'baw', exercise_style: 'american', id: 'b' };
  const prices = [european, american].map(async ({ id, ...row }) => ({ id, price: (await service.price(row)).price }));
  const rows = await Promise.all(prices);
  const expected = rows.map(({ price }) => price);
  const objects = await service.batch({ options: [european, american] });
  t.deepEqual(
    objects.results.map(({ id, price }) => [id, price]),
    [
      ['a', expected[0]],
      ['b', expected[1]],
    ],
  );
  const columns = await service.batch({ columns: columnsOf([european, american]) });
  t.deepEqual(columns.columns, { id: ['a', 'b'] as never, price: expected });
});

test('columns are answered with the name of the column and with the style that applies', async (t) => {
  const heston = { ...call, model: 'heston', v0: 0.04, kappa: 1.5, theta: 0.04, sigma: 0.3, rho: [-7, -0.7] };
  const { errors } = await service.batch({ columns: heston });
  const detail = 'rho must be at least -1 and at most 1, not -7';
  t.like(errors, [{ index: 0, field: 'rho', detail }]);
  await t.throwsAsync(service.batch({ columns: call, model: 'baw' }), {
    message:
      /^baw prices american options only, and exercise_style is european by default: send "exercise_style": "american"/,
  });
  await t.throwsAsync(service.batch({ options: [{ ...call, model: 'baw' }] }), {
    message:
      /^options\[0\]: baw prices american options only, and exercise_style is european by default: send "exercise_style": "american"/,
  });
  await t.throwsAsync(service.batch({ columns: call, model: 'baw', exercise_style: 'european' }), {
    message: /^exercise_style european needs the model /,
  });
  const vol = { ...call, vol: 0.2, volatility: undefined };
  const { results } = await service.batch({ options: [call, vol] });
  t.like(results[1], { error: { pointer: '/options/1/vol' } });
});
