import test from 'ava';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { AppError, type FieldError } from '#src/kernel/catalogue/errors.ts';
import type { Input } from '#src/kernel/requests/route.ts';
import { call, routeOf, setup } from '../setup.ts';

const { routes } = setup();
const send = async (path: string, body: unknown) => {
  const { handler } = routeOf(routes, path);
  if (path !== '/pricing/batch') return handler({ body, headers: {}, context: {} } as unknown as Input<object>);
  const bytes = Buffer.from(JSON.stringify(body));
  const reply = await handler({ body: bytes, headers: {}, context: {} } as unknown as Input<object>);
  return { ...reply, body: JSON.parse(String(reply.body)) as unknown };
};
const errorsOf = async (path: string, body: unknown): Promise<readonly FieldError[]> => {
  try {
    await send(path, body);
  } catch (error) {
    if (error instanceof AppError && error.code === 'validation_failed') return error.errors ?? [];
    throw error;
  }
  return [];
};

const numbers = ['spot', 'strike', 'time_to_expiry', 'rate', 'volatility', 'dividend_yield'];
const notNumbers = ['1', null, true, [], {}, Number.POSITIVE_INFINITY, Number.NaN, 1e13, -1e13];

for (const member of numbers) {
  test(`${member}: each value out of the domain is refused at its pointer`, async (t) => {
    for (const value of notNumbers) {
      const [error, ...others] = await errorsOf('/pricing/price', { ...call, [member]: value });
      t.is(error?.pointer, `/${member}`, JSON.stringify(value));
      t.true(error?.code === 'invalid_type' || error?.code === 'out_of_range');
      t.deepEqual(others, []);
      const batch = (await send('/pricing/batch', { options: [call, { ...call, [member]: value }] })).body;
      t.like(batch, {
        succeeded: 1,
        failed: 1,
        results: [{ spot: 42 }, { error: { pointer: `/options/1/${member}` } }],
      });
    }
  });
}

const broken: [body: unknown, pointer: string, code: string][] = [
  [null, '', 'invalid_type'],
  [[call], '', 'invalid_type'],
  ['{}', '', 'invalid_type'],
  [{ ...call, spot: 0 }, '/spot', 'out_of_range'],
  [{ ...call, strike: -0 }, '/strike', 'out_of_range'],
  [{ ...call, time_to_expiry: 200.1 }, '/time_to_expiry', 'out_of_range'],
  [{ ...call, rate: -1.01 }, '/rate', 'out_of_range'],
  [{ ...call, volatility: 100.5 }, '/volatility', 'out_of_range'],
  [{ ...call, option_type: 'CALL' }, '/option_type', 'invalid_value'],
  [{ ...call, option_type: undefined }, '/option_type', 'required'],
  [{ ...call, spot: undefined }, '/spot', 'required'],
  [{ ...call, exercise_style: 'american', model: 'black_scholes' }, '/exercise_style', 'unsupported'],
  [{ ...call, exercise_style: 'bermudan' }, '/exercise_style', 'invalid_value'],
  [{ ...call, exercise_style: null }, '/exercise_style', 'invalid_value'],
  [{ ...call, model: null }, '/model', 'invalid_type'],
  [{ ...call, model: 7 }, '/model', 'invalid_type'],
  [{ ...call, vol: 1 }, '/vol', 'unknown_member'],
  [{ ...call, 'a/b~c': 1 }, '/a~1b~0c', 'unknown_member'],
  [{ ...call, forward: 42 }, '/forward', 'unknown_member'],
  [{ ...call, outputs: ['delta'] }, '/outputs', 'unknown_member'],
  [JSON.parse(JSON.stringify(call).replace('{', '{"__proto__":{"spot":1},')), '/__proto__', 'unknown_member'],
  [{ ...call, constructor: 1 }, '/constructor', 'unknown_member'],
  [{ ...call, symbol: '' }, '/symbol', 'invalid_value'],
];
for (const [index, [body, pointer, code]] of broken.entries()) {
  test(`broken request ${index}: ${code} at ${pointer || 'the body'}`, async (t) => {
    t.like((await errorsOf('/pricing/price', body))[0], { pointer, code });
  });
}

test('everything wrong with a request is named at once', async (t) => {
  const errors = await errorsOf('/pricing/greeks', { ...call, spot: 'x', rate: 11, foo: 1, outputs: ['delta', 'nu'] });
  t.deepEqual(
    errors.map(({ pointer }) => pointer),
    ['/foo', '/spot', '/rate', '/outputs/1'],
  );
});

test('an envelope that is not well formed is refused as a whole', async (t) => {
  const envelopes: [body: unknown, pointer: string][] = [
    [[], ''],
    [{}, '/options'],
    [{ options: {} }, '/options'],
    [{ options: [] }, '/options'],
    [{ options: Array.from({ length: 100_001 }, () => call) }, '/options'],
    [{ options: [{ ...call, dividends: Array.from({ length: 100_001 }, () => 1) }] }, ''],
    [{ options: [call], outputs: [] }, '/outputs'],
    [{ options: [call], outputs: 'price' }, '/outputs'],
    [{ options: [call], outputs: ['toString'] }, '/outputs/0'],
    [{ options: [call], model: 'black76' }, '/model'],
  ];
  for (const [body, pointer] of envelopes) t.is((await errorsOf('/pricing/batch', body))[0]?.pointer, pointer);
});

test('a time or volatility of -0 is 0', async (t) => {
  t.like((await send('/pricing/price', { ...call, volatility: -0, time_to_expiry: -0 })).body, { price: 2 });
});

test('models documents inputs, styles, outputs and accuracy of each model', async (t) => {
  const route = routeOf(routes, '/pricing/models');
  const { body } = await send('/pricing/models', undefined);
  const { models } = body as { models: { model: string; inputs: { name: string }[] }[] };
  t.deepEqual(
    models.map(({ model }) => model),
    [...modelNames],
  );
  t.true(models[1]?.inputs.some(({ name }) => name === 'forward'));
  t.false(models[1]?.inputs.some(({ name }) => name === 'dividend_yield'));
  t.true(route.responses[200]?.safeParse(body).success);
});

test('answers satisfy their declared schemas', async (t) => {
  const bodies: [path: string, body: unknown][] = [
    ['/pricing/price', call],
    ['/pricing/greeks', call],
    ['/pricing/batch', { options: [call, {}] }],
  ];
  for (const [path, body] of bodies) {
    const route = routeOf(routes, path);
    t.true(route.request.body?.safeParse(body).success);
    t.true(route.responses[200]?.safeParse((await send(path, body)).body).success, path);
  }
});
