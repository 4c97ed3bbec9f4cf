import test from 'ava';
import { Float16, Float32, Int32, makeData, makeVector, Dictionary, Utf8, vectorFromArray } from 'apache-arrow';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { columnsAnswer } from '#src/pricing/request/answer-schemas.ts';
import { arrowStream, columnsOf, readArrow } from '#testkit/arrow/arrow-support.ts';
import { call, setup } from '../setup.ts';

const { service, workers } = setup({ workers: { queueLimit: 1_000 } });
test.after.always(() => workers.close());

const text = (body: unknown): Uint8Array => Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const refusal = async (work: Promise<unknown>): Promise<{ code: string; pointer?: string }> => {
  try {
    await work;
    return { code: 'none' };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const pointer = error.errors?.[0]?.pointer;
    return pointer === undefined ? { code: error.code } : { code: error.code, pointer };
  }
};

const one = { ...call };
const many = (length: number): number[] => Array.from({ length }, () => 42);
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** Refused as a whole: what came, and the code or the pointer of it. */
const refused: Readonly<Record<string, readonly [body: unknown, expected: string]>> = {
  'an empty text': [' ', 'malformed_body'],
  'half a JSON': ['{"columns": {"spot": [1', 'malformed_body'],
  'two JSONs': ['{}{}', 'malformed_body'],
  'NaN in the text': ['{"columns":{"spot":NaN}}', 'malformed_body'],
  'broken UTF-8': [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'malformed_body'],
  'a byte order mark': ['\uFEFF{"options":[]}', 'malformed_body'],
  'brackets 100,000 deep': [`{"options":[{"spot":${deep(100_000)}}]}`, 'malformed_body'],
  'a cell of a column 1,000 deep': [`{"columns":{"spot":[${deep(1_000)}]}}`, 'malformed_body'],
  'a row 21 deep': [`{"options":[{"symbol":${deep(19)}}]}`, 'malformed_body'],
  null: ['null', ''],
  'a number': ['1', ''],
  'a text': ['"columns"', ''],
  'an array': [[{ columns: {} }], ''],
  'neither rows nor columns': [{}, '/options'],
  'rows and columns': [{ columns: one, options: [one] }, '/options'],
  'columns null': [{ columns: null }, '/columns'],
  'columns an array': [{ columns: [one] }, '/columns'],
  'columns a text': [{ columns: 'spot' }, '/columns'],
  'columns empty': [{ columns: {} }, '/columns/spot'],
  'columns behind a prototype': ['{"__proto__":{"columns":{}}}', '/__proto__'],
  'a prototype as a column': ['{"columns":{"__proto__":[1],"spot":1}}', '/columns/__proto__'],
  'a constructor as a column': [{ columns: { ...one, constructor: [1] } }, '/columns/constructor'],
  'an unknown column': [{ columns: { ...one, vol: [1] } }, '/columns/vol'],
  'a name that needs escaping': [{ columns: { ...one, 'a/b~c': 1 } }, '/columns/a~1b~0c'],
  'no option type': [{ columns: { ...one, option_type: undefined } }, '/columns/option_type'],
  'no strike': [{ columns: { ...one, strike: undefined } }, '/columns/strike'],
  'uneven columns': [{ columns: { ...one, spot: [1, 2], strike: [1, 2, 3] } }, '/columns/strike'],
  'an empty column': [{ columns: { ...one, spot: [] } }, '/columns'],
  'an empty and a full column': [{ columns: { ...one, spot: [], strike: [1] } }, '/columns/strike'],
  'too many rows': [{ columns: { ...one, spot: many(100_001) } }, '/columns'],
  'a scalar null': [{ columns: { ...one, spot: null } }, '/columns/spot'],
  'a scalar text': [{ columns: { ...one, spot: '42' } }, '/columns/spot'],
  'a scalar boolean': [{ columns: { ...one, rate: true } }, '/columns/rate'],
  'a scalar object': [{ columns: { ...one, rate: { value: 1 } } }, '/columns/rate'],
  'a number for the option type': [{ columns: { ...one, option_type: 1 } }, '/columns/option_type'],
  'dividends that are no lists': [{ columns: { ...one, dividends: 1 } }, '/columns/dividends'],
  'uneven dividends': [{ columns: { ...one, spot: [1, 2], dividends: [[], [], []] } }, '/columns/dividends'],
  'a model that lacks a column': [{ columns: { ...one, model: ['black76'] } }, '/columns/spot'],
  'a model both as a column and for all rows': [{ columns: { ...one, model: ['baw'] }, model: 'baw' }, '/model'],
  'a model that is a number': [{ columns: one, model: 1 }, '/model'],
  'a model that is null': [{ columns: one, model: null }, '/model'],
  'a model that is a prototype': [{ columns: one, model: '__proto__' }, 'pricing_model_unknown'],
  'an unknown model': [{ columns: one, model: 'lattice' }, 'pricing_model_unknown'],
  'a style that is an array': [{ columns: one, exercise_style: ['european'] }, '/exercise_style'],
  'an unknown member': [{ columns: one, output: ['price'] }, '/output'],
  'no outputs': [{ columns: one, outputs: [] }, '/outputs'],
  'outputs null': [{ columns: one, outputs: null }, '/outputs'],
  'an unknown output': [{ columns: one, outputs: ['price', 'nu'] }, '/outputs/1'],
  'an output that is a prototype': [{ columns: one, outputs: ['__proto__'] }, '/outputs/0'],
};
for (const [name, [body, expected]] of Object.entries(refused)) {
  test(`JSON refused: ${name}`, async (t) => {
    const bytes = Buffer.isBuffer(body) ? body : text(body);
    const { code, pointer } = await refusal(service.send({ bytes }));
    if (expected === '' || expected.startsWith('/'))
      t.deepEqual({ code, pointer }, { code: 'validation_failed', pointer: expected });
    else t.is(code, expected);
  });
}

/** A bad cell fails its row and no other. */
const badCells: readonly (readonly [column: string, cell: unknown])[] = [
  ...['spot', 'strike'].flatMap((column) =>
    [0, -0, -1, 1e13, '42', null, true, [], {}, [42], JSON.parse(deep(16)) as unknown].map(
      (cell) => [column, cell] as const,
    ),
  ),
  ...['time_to_expiry', 'rate', 'volatility', 'dividend_yield'].flatMap((column) =>
    [-1.5, 201, '1', null, false, [[]], { a: 1 }].map((cell) => [column, cell] as const),
  ),
  ...[1, 'none', true, {}, [1], [null], [[]], [{}], [{ time: 0.1, amount: 1, when: 1 }]].map(
    (cell) => ['dividends', cell] as const,
  ),
  ...[null, 'CALL', 'calls', '', 1, true, [], {}, 'constructor'].map((cell) => ['option_type', cell] as const),
];
for (const [index, [column, cell]] of badCells.entries()) {
  test(`cell ${index}: ${JSON.stringify(cell)} for ${column} fails its row alone`, async (t) => {
    const good = column === 'dividends' ? { ...call, dividends: [] } : { ...call, dividend_yield: 0.01 };
    const { price } = await service.price(good);
    const cells = [good, good, good].map((row, row_) => (row_ === 1 ? cell : row[column as keyof typeof good]));
    const answer = await service.batch({ columns: { ...good, [column]: cells } });
    t.true(columnsAnswer.safeParse(answer).success);
    t.deepEqual(answer.columns['price'], [price, null, price]);
    t.like(answer, { succeeded: 2, failed: 1, errors: [{ index: 1, code: 'validation_failed' }] });
  });
}

const stream = arrowStream(columnsOf([call, call]));
const sendArrow = (bytes: Uint8Array) =>
  service.send({ bytes: Uint8Array.from(bytes), input: 'arrow', answer: ['arrow'] });
const ones = (length: number) =>
  makeVector(makeData({ type: new Float32(), length, nullCount: 0, data: new Float32Array(length).fill(42) }));
const withWrongLength = (length: number) =>
  makeVector(makeData({ type: new Float32(), length, nullCount: 0, data: new Float32Array(2) }));

test('Arrow cut off anywhere is a 400 or 422, or all that had come', async (t) => {
  for (let length = 0; length < stream.length; length += 24) {
    const { code } = await refusal(sendArrow(stream.subarray(0, length)));
    t.true(['malformed_body', 'validation_failed', 'none'].includes(code), `${length}: ${code}`);
    if (length < stream.length * 0.7) t.not(code, 'none', String(length));
  }
});

test('Arrow with any byte changed never fails otherwise', async (t) => {
  for (let index = 0; index < stream.length; index += 5) {
    const bytes = Uint8Array.from(stream);
    bytes[index] = bytes[index]! ^ 0xff;
    const { code } = await refusal(sendArrow(bytes));
    t.true(
      ['malformed_body', 'validation_failed', 'pricing_model_unknown', 'none'].includes(code),
      `${index}: ${code}`,
    );
  }
});

const spot = (vector: unknown) => arrowStream({ ...columnsOf([call, call]), spot: vector as never });
const badArrow: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  'no bytes': [new Uint8Array(0), 'malformed_body'],
  zeros: [new Uint8Array(64), 'malformed_body'],
  JSON: [text({ columns: one }), 'malformed_body'],
  'an unknown column': [arrowStream({ ...columnsOf([call]), vol: [1] }), '/columns/vol'],
  'text for a number': [arrowStream({ ...columnsOf([call]), spot: ['42'] }), '/columns/spot'],
  'a number for text': [arrowStream({ ...columnsOf([call]), option_type: [1] }), '/columns/option_type'],
  'half floats': [spot(vectorFromArray([42, 42], new Float16())), '/columns/spot'],
  'a dictionary of numbers': [
    spot(vectorFromArray([42, 42], new Dictionary(new Float32(), new Int32()))),
    '/columns/spot',
  ],
  'no rows': [arrowStream(columnsOf([{ ...call }]).spot ? { spot: ones(0) } : {}), '/columns'],
  'too many rows': [arrowStream({ spot: ones(100_001) }), '/columns'],
  'a column shorter than it says': [arrowStream({ spot: withWrongLength(1_000) }), 'malformed_body'],
  'a column far shorter than it says': [arrowStream({ spot: withWrongLength(2 ** 30) }), 'malformed_body'],
  'no option type': [arrowStream({ spot: ones(2) }), '/columns/strike'],
  'an unknown output': [arrowStream(columnsOf([call]), { outputs: 'price,nu' }), '/outputs/1'],
  'an empty output': [arrowStream(columnsOf([call]), { outputs: '' }), '/outputs/0'],
  'an unknown model': [arrowStream(columnsOf([{ ...call, model: 'lattice' }])), 'pricing_model_unknown'],
};
for (const [name, [bytes, expected]] of Object.entries(badArrow)) {
  test(`Arrow refused: ${name}`, async (t) => {
    const { code, pointer } = await refusal(sendArrow(bytes));
    if (expected.startsWith('/')) t.deepEqual({ code, pointer }, { code: 'validation_failed', pointer: expected });
    else t.is(code, expected);
  });
}

test('a null cell in Arrow is an input that its row does not have; NaN and infinities are out of range', async (t) => {
  const { price } = await service.price(call);
  const columns = {
    ...columnsOf(Array.from({ length: 5 }, () => call)),
    dividend_yield: [null, 0, 0, 0, 0],
    spot: [42, null, Number.NaN, Number.POSITIVE_INFINITY, 42],
    option_type: ['call', 'call', 'call', 'call', null],
  };
  const details = [
    null,
    'spot is required: send a number (price of the underlying)',
    'spot must be at least 1e-12 and at most 1e12, not NaN',
    'spot must be at least 1e-12 and at most 1e12, not Infinity',
    'option_type is required: send call or put',
  ];
  t.deepEqual(
    readArrow(await sendArrow(arrowStream(columns))),
    ([null, 'spot', 'spot', 'spot', 'option_type'] as const).map((field, index) => ({
      price: field === null ? price : null,
      error_code: field === null ? null : 'validation_failed',
      error_field: field,
      error_detail: details[index],
    })),
  );
});

test('floats and integers of up to 32 bits are numbers; a dictionary may be larger than the batch', async (t) => {
  const entries = vectorFromArray(
    Array.from({ length: 200_000 }, (_, index) => (index === 7 ? 'call' : `no-${index}`)),
    new Utf8(),
  );
  const type = new Dictionary(new Utf8(), new Int32());
  const sides = (codes: readonly number[]) =>
    makeVector(
      makeData({ type, length: codes.length, nullCount: 0, data: Int32Array.from(codes), dictionary: entries }),
    );
  const bytes = arrowStream({
    ...columnsOf([call, call, call]),
    spot: vectorFromArray([42, 42, 42], new Int32()),
    strike: vectorFromArray([40, 40, 40], new Float32()),
    option_type: sides([7, 8, 199_999]),
  });
  const [first, second, third] = readArrow(await sendArrow(bytes));
  t.like(first, { price: (await service.price(call)).price, error_code: null });
  t.like(second, { price: null, error_code: 'validation_failed', error_field: 'option_type' });
  t.regex(String(third?.['error_detail']), /^option_type must be call or put, not the string "no-199999"/);
});
