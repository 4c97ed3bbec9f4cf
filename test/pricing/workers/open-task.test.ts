import test from 'ava';
import { byteLengthOf } from '#src/kernel/streams/byte-length.ts';
import type { Transport } from '#src/pricing/batch/prepared-batch.ts';
import { createVolatilityForecaster } from '#src/pricing/forecast/volatility-forecast.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { pricingModels, type Model } from '#src/pricing/models/models.ts';
import { outputNames } from '#src/pricing/models/outputs.ts';
import { createSearchWatch } from '#src/pricing/models/search-watch.ts';
import { threadMs } from '#src/pricing/models/thread-ms.ts';
import { createOpenTask } from '#src/pricing/workers/open-task.ts';
import type { FromWorker } from '#src/pricing/workers/protocol.ts';
import { hiddenPanels } from '#testkit/american/hidden-costs.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';

const engines = createEngineFactory();
const rows = 20_000;
const strikes = Array.from({ length: rows }, (_, row) => 60 + row / 500);
const option = { spot: 100, strike: strikes, rate: 0.03, volatility: 0.2, option_type: 'call', time_to_expiry: 0.5 };

/** @returns the number of turns until the answer, where each turn is as short as it can be */
const turnsOf = async (body: object, { turnMs = 0, handBackMs = Infinity, models = pricingModels } = {}) => {
  const searches = createSearchWatch();
  const messages: FromWorker[] = [];
  const task = createOpenTask(
    {
      type: 'task',
      id: 1,
      request: { input: 'json', answer: ['json'], jsonDepth: 20 },
      limits: { maxMs: 60_000, handBackMs, keepsEstimate: handBackMs < Infinity },
    },
    Buffer.from(JSON.stringify(body)),
    {
      engines: createEngineFactory({ models, look: searches.look }),
      searches,
      forecastVolatility: createVolatilityForecaster(),
      send: (message) => messages.push(message),
    },
  );
  let turns = 0;
  let openedAt = 0;
  for (;;) {
    turns += 1;
    const answer = await task.work(turnMs);
    if (openedAt === 0 && messages.some(({ type }) => type === 'opened')) openedAt = turns;
    if (answer) return { turns, openedAt, answer };
  }
};

test('a large answer is written in many turns, and is complete', async (t) => {
  const outputs = ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'vanna', 'volga', 'charm', 'speed'];
  const ids = Array.from({ length: rows }, (_, row) => (row % 2 === 0 ? row : `row ${row}`));
  const { turns, answer } = await turnsOf({ columns: { ...option, id: ids }, outputs });
  // Ten columns of 20,000 numbers are written 4 KB at a time. Rows alone take fewer than 200 turns.
  t.true(turns > 600, `${turns} turns`);
  const written = JSON.parse(Buffer.concat(answer.chunks!).toString()) as { columns: Record<string, unknown[]> };
  t.deepEqual(Object.keys(written.columns), ['id', ...outputs]);
  t.deepEqual(written.columns['id'], ids);
  for (const name of outputs) t.is(written.columns[name]!.length, rows, name);
});

test('many failures are written in turns, and are all there', async (t) => {
  const volatility = Array.from({ length: rows }, (_, row) => (row % 2 === 0 ? -1 : 0.2));
  const { answer } = await turnsOf({ columns: { ...option, volatility } });
  const written = JSON.parse(Buffer.concat(answer.chunks!).toString()) as { errors: { index: number }[] };
  t.deepEqual(
    written.errors.map(({ index }) => index),
    Array.from({ length: rows / 2 }, (_, failure) => 2 * failure),
  );
});

test('different contracts are read in turns before the first row', async (t) => {
  const contract = strikes.map((_, row) => `AAPL  271217C${String(100_000 + row).padStart(8, '0')}`);
  const { strike: _, option_type: __, time_to_expiry: ___, ...market } = option;
  const { openedAt, answer } = await turnsOf({ columns: { ...market, contract, valuation_date: '2026-11-26' } });
  // 256 contracts of a turn at most.
  t.true(openedAt >= rows / 256, `${openedAt} turns`);
  t.like(answer.reply, { outcome: { size: rows } });
});

test('a small batch is read, priced and written in one turn', async (t) => {
  const body = { options: Array.from({ length: 20 }, () => ({ ...option, strike: 105 })) };
  const task = createOpenTask(
    { type: 'task', id: 1, request: { input: 'json', answer: ['json'], jsonDepth: 20 }, limits: { maxMs: 60_000 } },
    Buffer.from(JSON.stringify(body)),
    { engines, searches: createSearchWatch(), forecastVolatility: createVolatilityForecaster(), send: () => {} },
  );
  t.truthy(await task.work(10_000));
});

test('a batch that looks brief is returned before its rows are priced if its answer will be long', async (t) => {
  const answerOf = async (count: number, isForBrief: boolean) => {
    const task = createOpenTask(
      {
        type: 'task',
        id: 1,
        request: { input: 'json', answer: ['json'], jsonDepth: 20 },
        limits: { maxMs: 60_000, handBackMs: 500, isForBrief },
      },
      Buffer.from(JSON.stringify({ options: Array.from({ length: count }, () => ({})) })),
      { engines, searches: createSearchWatch(), forecastVolatility: createVolatilityForecaster(), send: () => {} },
    );
    return (await task.work(60_000))?.reply;
  };
  t.deepEqual(await answerOf(2_571, true), { handedBack: 'estimate' });
  t.like(await answerOf(2_570, true), { outcome: { size: 2_570 } });
  t.like(await answerOf(2_571, false), { outcome: { size: 2_571 } });
});

/** A task in a place for brief ones. @returns its reply, with what it said of its answer before */
const inBriefPlace = async (body: object, { kind, answer = 'json' }: { kind?: 'grid'; answer?: Transport } = {}) => {
  const said: number[] = [];
  const task = createOpenTask(
    {
      type: 'task',
      id: 1,
      request: { input: 'json', answer: [answer], jsonDepth: 20, ...(kind && { kind }) },
      limits: { maxMs: 60_000, handBackMs: 60_000, isForBrief: true },
    },
    Buffer.from(JSON.stringify(body)),
    {
      engines,
      searches: createSearchWatch(),
      forecastVolatility: createVolatilityForecaster(),
      send: (message) => void (message.type === 'opened' && said.push(message.summary.answerBytes)),
    },
  );
  const { reply, chunks = [] } = (await task.work(60_000))!;
  return { reply, said, bytes: byteLengthOf(chunks) };
};
const greeks = outputNames.filter((name) => name !== 'implied_volatility');
/** Few bytes, and 3.5 MB of JSON as the answer. */
const manyOutputs = { columns: { ...option, strike: strikes.slice(0, 10_000) }, outputs: greeks };
const axis = Array.from({ length: 100 }, (_, step) => step / 1_000);
const gridOf = (days: number) => ({
  positions: [{ ...option, strike: 105, quantity: 1 }],
  spot_shifts: axis,
  days: Array.from({ length: days }, (_, day) => day),
  outputs: greeks.filter((name) => name !== 'price'),
});

test('the outputs of a batch and the totals of a grid count for the bytes of its answer', async (t) => {
  for (const answer of ['json', 'arrow'] as const) {
    const columns = await inBriefPlace(manyOutputs, { answer });
    t.deepEqual(columns.reply, { handedBack: 'estimate' });
    t.is(columns.said.length, 1, 'no row is priced before');
    t.deepEqual((await inBriefPlace(gridOf(100), { kind: 'grid', answer })).reply, { handedBack: 'estimate' });
  }
  const objects = Array.from({ length: 2_000 }, () => ({ ...option, strike: 105 }));
  t.deepEqual((await inBriefPlace({ options: objects, outputs: greeks })).reply, { handedBack: 'estimate' });
});

const defaultGreeks = ['price', ...outputNames.slice(1, 7)];
const dated = {
  spot: 100,
  strike: 104.75,
  rate: 0.0325,
  dividend_yield: 0.0125,
  volatility: 0.2375,
  option_type: 'call',
  valuation_date: '2026-11-30',
  expiry: '2027-12-17',
};
/** Ordinary rows, with the outputs that they are asked for. */
const ordinary = {
  'the price alone': [{ ...option, strike: 105.25 }, ['price']],
  'default greeks': [{ ...option, strike: 105.25 }, defaultGreeks],
  'dates and ids': [{ ...dated, id: 'row 1234' }, ['price']],
  'default greeks, dates and ids': [{ ...dated, id: 'row 1234' }, defaultGreeks],
  'nine greeks, dates and ids': [{ ...dated, id: 'row 1234' }, ['price', ...outputNames.slice(1, 10)]],
  contracts: [
    { contract: 'AAPL  271217C00100000', valuation_date: '2026-11-30', spot: 100.25, rate: 0.0375, volatility: 0.2345 },
    defaultGreeks,
  ],
  'a volatility': [{ ...option, strike: 105.25, volatility: undefined, price: 9.75 }, ['implied_volatility']],
} as const;

for (const [name, [row, outputs]] of Object.entries(ordinary)) {
  test(`objects with ${name} are never priced only to learn that their answer is long`, async (t) => {
    const run = (rows: number) => inBriefPlace({ options: Array.from({ length: rows }, () => row), outputs });
    const few = await run(200);
    const estimated = few.said[0]! / few.bytes;
    t.true(estimated >= 1 && estimated < 1.1, `${few.said[0]!} bytes estimated, ${few.bytes} written`);
    const rows = Math.floor((512 * 2 ** 10 * 200) / few.said[0]!);
    t.like((await run(rows)).reply, { outcome: { size: rows } });
    const longer = await run(rows + 10);
    t.deepEqual([longer.reply, longer.said.length], [{ handedBack: 'estimate' }, 1]);
  });
}

test('1,000 objects with the default greeks, dates and ids are brief', async (t) => {
  const options = Array.from({ length: 1_000 }, (_, row) => ({ ...dated, strike: 60.25 + row / 8, id: `row ${row}` }));
  t.like((await inBriefPlace({ options, outputs: ['price', 'greeks'] })).reply, { outcome: { size: 1_000 } });
});

test('the bytes of an answer are nearly as estimated', async (t) => {
  const few = { ...manyOutputs, columns: { ...option, strike: strikes.slice(0, 1_000) } };
  const objects = Array.from({ length: 500 }, () => ({ ...option, strike: 105 }));
  const tasks = [
    inBriefPlace(few),
    inBriefPlace(few, { answer: 'arrow' }),
    inBriefPlace({ ...few, columns: { ...few.columns, id: strikes.slice(0, 1_000).map(String) } }),
    inBriefPlace({ ...few, outputs: ['price'] }),
    inBriefPlace({ options: objects, outputs: greeks }),
    inBriefPlace({ options: objects }),
    inBriefPlace({ options: objects.map(() => ({})) }),
    inBriefPlace(gridOf(4), { kind: 'grid' }),
    inBriefPlace(gridOf(4), { kind: 'grid', answer: 'arrow' }),
  ];
  for (const { said, bytes } of await Promise.all(tasks)) {
    t.true(bytes > 0.4 * said[0]! && bytes < 1.5 * said[0]!, `${bytes} bytes, estimated ${said[0]!}`);
  }
});

test('an answer that becomes longer than estimated because of its errors does not leave a place for brief tasks', async (t) => {
  const volatility = strikes.slice(0, 9_000).map(() => -1);
  const { reply, said } = await inBriefPlace({ columns: { ...option, strike: 105, volatility } });
  t.deepEqual(reply, { handedBack: 'answer' });
  t.true(said[0]! < 400_000 && said[1]! > 900_000, `${said.join()} bytes`);
});

test('a small batch that takes longer than its estimate leaves the lane for short work soon', async (t) => {
  // Together about 0.8 s of processor time, by the estimate 2.5 ms.
  const options = Array.from({ length: 100 }, () => hiddenPanels);
  const { answer } = await turnsOf({ options }, { turnMs: 20, handBackMs: 500 });
  t.deepEqual(answer.reply, { handedBack: 'time' });
  const long = await turnsOf({ options }, { turnMs: 20 });
  t.true('outcome' in long.answer.reply, 'there it is priced');
});

/** The models, with searches of one of them whose ten prices take so long each. */
const slowSearches = (name: 'baw' | 'andersen_lake', priceMs: number) =>
  pricingModels.map((model): Model => {
    if (model.name !== name) return model;
    const build: Model['build'] = (site, look) => ({
      ...model.build(site, look),
      impliedVolatility: () => {
        for (let prices = 0; prices < 10; prices += 1) {
          look();
          for (const end = threadMs() + priceMs; threadMs() < end;);
        }
        return { volatility: 0.2, iterations: 10 };
      },
    });
    return { ...model, build };
  });
/** @returns the reply of a process for short work */
const searchesOf = async (name: 'baw' | 'andersen_lake', { rows, priceMs }: { rows: number; priceMs: number }) => {
  const row = { ...optionOfModel[name], volatility: undefined, price: 8 };
  const body = { options: Array.from({ length: rows }, () => row), outputs: ['implied_volatility'] };
  const { answer } = await turnsOf(body, { turnMs: 20, handBackMs: 500, models: slowSearches(name, priceMs) });
  return answer.reply;
};

test('searches that are slow only together are returned as other rows are, and a slow one goes beside long work', async (t) => {
  // 30 ms for a row, and 100 ms for all of them.
  t.deepEqual(await searchesOf('baw', { rows: 20, priceMs: 3 }), { handedBack: 'time' });
  t.like(await searchesOf('baw', { rows: 3, priceMs: 3 }), { outcome: { size: 3 } });
  t.deepEqual(await searchesOf('baw', { rows: 1, priceMs: 30 }), { handedBack: 'row' });
});

test('a search whose estimate is uncertain may take as long as the slowest known one on a slow processor', async (t) => {
  t.like(await searchesOf('andersen_lake', { rows: 1, priceMs: 20 }), { outcome: { size: 1 } });
  t.deepEqual(await searchesOf('andersen_lake', { rows: 9, priceMs: 20 }), { handedBack: 'time' });
  t.deepEqual(await searchesOf('andersen_lake', { rows: 1, priceMs: 60 }), { handedBack: 'row' });
});

/** Quotes that no parameters fit: 26 times as many evaluations as usual, and so 26 times the estimate. */
const wildQuotes = {
  spot: 100,
  rate: 0.02,
  max_iterations: 500,
  quotes: Array.from({ length: 40 }, (_, quote) => ({
    strike: 60 + ((quote * 37) % 80),
    time_to_expiry: 5 + (quote % 20),
    option_type: 'call',
    implied_volatility: ((quote * 7_919) % 97) / 40 + 0.02,
  })),
};
const calibrated = async (keepsEstimate: boolean) => {
  const limits = { maxMs: 60_000, handBackMs: 60_000, keepsEstimate };
  const task = createOpenTask(
    { type: 'task', id: 1, request: { input: 'quotes', jsonDepth: 20 }, limits },
    Buffer.from(JSON.stringify(wildQuotes)),
    { engines, searches: createSearchWatch(), forecastVolatility: createVolatilityForecaster(), send: () => {} },
  );
  for (;;) {
    const answer = await task.work(5);
    if (answer) return answer.reply;
  }
};

test('a calibration keeps to its estimate as a batch does, and is known as underestimated where it need not', async (t) => {
  t.deepEqual(await calibrated(true), { handedBack: 'time' });
  t.like(await calibrated(false), { calibration: { starts: 4 }, isUnderestimated: true });
});
