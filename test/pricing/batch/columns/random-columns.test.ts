import test from 'ava';
import * as fc from 'fast-check';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runAtOnce } from '#src/kernel/streams/turns.ts';
import { prepareBatch } from '#src/pricing/batch/prepare-batch.ts';
import type { BatchRequest } from '#src/pricing/batch/prepared-batch.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import type { OutputName } from '#src/pricing/models/outputs.ts';
import { arrowStream } from '#testkit/arrow/arrow-support.ts';

const engines = createEngineFactory();

type Cell = string | number | null;
type Cells = Readonly<Record<string, readonly Cell[]>>;
type Refusal = { readonly refused: readonly { readonly pointer: string; readonly code: string }[] };
/** The price of each row, or the reason why it has none. */
type Answer = Refusal | { readonly rows: readonly (number | string)[] };
type Body = Readonly<Record<string, unknown>>;
type Written = {
  readonly results?: readonly { readonly price?: number; readonly error?: { readonly detail: string } }[];
  readonly columns: { readonly price: readonly (number | null)[] };
  readonly errors: readonly { readonly index: number; readonly detail: string }[];
};

const rowsOf = ({ results, columns, errors }: Written): readonly (number | string)[] =>
  results?.map(({ price, error }) => error?.detail ?? price!) ??
  columns.price.map((price, index) => price ?? errors.find((error) => error.index === index)!.detail);

/** @throws what is no AppError */
const priced = async (request: Pick<BatchRequest, 'bytes' | 'input'>): Promise<Answer> => {
  try {
    const batch = await prepareBatch({ ...request, answer: ['json'], jsonDepth: 20 }, engines);
    batch.estimate();
    batch.run(0, batch.size);
    return { rows: rowsOf(JSON.parse(Buffer.concat(runAtOnce(batch.finish(1))).toString()) as Written) };
  } catch (error) {
    if (!(error instanceof AppError) || error.definition.status >= 500) throw error;
    return { refused: error.errors ?? [] };
  }
};
const pricedJson = async (body: Body): Promise<Answer> =>
  priced({ bytes: Buffer.from(JSON.stringify(body)), input: 'json' });
const pricedArrow = async (cells: Cells, outputs: readonly OutputName[]): Promise<Answer> => {
  const bytes = arrowStream(cells as Parameters<typeof arrowStream>[0], { outputs: outputs.join() });
  return priced({ bytes: Uint8Array.from(bytes), input: 'arrow' });
};

const rowsAtMost = 3;
const usual = ['black_scholes', 'binomial_lr', 'andersen_lake', 'barrier', 'black76', 'heston'];
const values: Readonly<Record<string, readonly Cell[]>> = {
  model: [...usual, 'unknown'],
  exercise_style: ['american', 'american', 'european', 'european', 'asian'],
  option_type: ['call', 'put', 'call', 'put', 'straddle'],
  spot: [100, 100, 100, 0],
  forward: [100],
  strike: [100, 105],
  time_to_expiry: [1, 0.5, 2, 1_000],
  rate: [0, 0.03],
  volatility: [0.2, 0.3],
  dividend_yield: [0, 0.01],
  steps: [11, 12],
  precision: ['fast', 'default', 'best'],
  barrier: [92],
  barrier_type: ['down_in', 'up_out'],
  price: [10],
};
/** In most batches. Without them nearly all would be refused. */
const needed = new Set(['exercise_style', 'option_type', 'spot', 'strike', 'time_to_expiry', 'rate', 'volatility']);

const columnOf = (name: string, size: number) => {
  const cell = fc.constantFrom(...values[name]!);
  const cells = fc.oneof(
    cell.map((value) => Array.from({ length: size }, () => value)),
    fc.array(fc.option(cell, { nil: null, freq: 6 }), { minLength: size, maxLength: size }),
  );
  const [given, absent] = needed.has(name) ? [19, 1] : [1, 9];
  return fc.oneof({ weight: given, arbitrary: cells }, { weight: absent, arbitrary: fc.constant(undefined) });
};
const batches = fc
  .integer({ min: 1, max: rowsAtMost })
  .chain((size) => fc.record(Object.fromEntries(Object.keys(values).map((name) => [name, columnOf(name, size)]))))
  .map((columns) => Object.entries(columns).filter((entry): entry is [string, Cell[]] => entry[1] !== undefined))
  .filter((columns) => columns.length > 0)
  .map((columns): Cells => Object.fromEntries(columns));
const outputs = fc.constantFrom<readonly OutputName[]>(['price'], ['price', 'implied_volatility'], ['price', 'delta']);

/** The rows of the columns as objects. */
const objectsOf = (cells: Cells, isMember: (cell: Cell) => boolean): readonly Body[] =>
  Object.values(cells)[0]!.map((_, index) =>
    Object.fromEntries(
      Object.entries(cells).flatMap(([name, column]) => (isMember(column[index]!) ? [[name, column[index]]] : [])),
    ),
  );

/** The same columns with one value in place of equal ones. The first column stays a list, which gives the number of rows. */
const withScalars = (cells: Cells): Body =>
  Object.fromEntries(
    Object.entries(cells).map(([name, column], at) => {
      const [first] = column as [Cell];
      return [name, at > 0 && first !== null && column.every((cell) => cell === first) ? first : column];
    }),
  );

const allFail = (answer: Answer): boolean => 'refused' in answer || answer.rows.every((row) => typeof row === 'string');

/** @returns what differs between the answers to the same rows as columns and as objects */
const difference = (columns: Answer, objects: Answer): string | undefined => {
  if ('refused' in columns) {
    const isMissing = columns.refused.some(({ code }) => code === 'required');
    return isMissing && !allFail(objects) ? 'a column is missing, and some objects have a price' : undefined;
  }
  if ('refused' in objects) return allFail(columns) ? undefined : 'only the objects are refused';
  const index = columns.rows.findIndex((row, at) => row !== objects.rows[at]);
  return index < 0 ? undefined : `row ${index} is ${columns.rows[index]}, and as an object ${objects.rows[index]}`;
};

const chosen: Cells = {
  exercise_style: ['american', 'american'],
  spot: [100, 100],
  strike: [100, 100],
  time_to_expiry: [1, 1],
  rate: [0, 0],
  volatility: [0.2, 0.2],
};

test('random columns are priced as the same rows in objects, and no input is an internal error', async (t) => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(batches, outputs, async (cells, names) => {
      const json = await pricedJson({ columns: cells, outputs: names });
      const objects = await pricedJson({ options: objectsOf(cells, () => true), outputs: names });
      t.is(difference(json, objects), undefined, 'JSON');
      const scalars = await pricedJson({ columns: withScalars(cells), outputs: names });
      t.is(difference(scalars, objects), undefined, 'scalars');
      const arrow = await pricedArrow(cells, names);
      const sparse = await pricedJson({ options: objectsOf(cells, (cell) => cell !== null), outputs: names });
      t.is(difference(arrow, sparse), undefined, 'Arrow');
      if (!allFail(json)) count += 1;
    }),
    { numRuns: 500, examples: [[{ ...chosen, steps: [11, null] }, ['price']]] },
  );
  t.true(count > 20, `${count} batches had a price`);
});

test('a column that each chosen model needs is named, however many models are chosen', async (t) => {
  const steps = [11, null];
  const columns: Cells = { ...chosen, option_type: ['put', 'put'], steps };
  for (const name of ['option_type', 'spot', 'strike', 'time_to_expiry', 'rate', 'volatility']) {
    const { [name]: _, ...others } = columns;
    const errors = { refused: [{ pointer: `/columns/${name}`, code: 'required' }] };
    t.like(await pricedJson({ columns: others }), errors);
    t.like(await pricedArrow(others, ['price']), errors);
  }
  t.false('refused' in (await pricedArrow(columns, ['price'])));
});
