import test from 'ava';
import { checkWork, estimateOf } from '#src/pricing/models/cost.ts';
import { createEngineFactory } from '#src/pricing/models/engine-factory.ts';
import { createOutputs, evaluate, wantedOf } from '#src/pricing/request/calculate.ts';
import type { OutputName } from '#src/pricing/models/outputs.ts';
import { readOption } from '#src/pricing/request/read-option.ts';
import { threadMs } from '#testkit/measures/thread-time.ts';
import { optionOfModel } from '#testkit/pricing-reference/option-of-model.ts';

type Row = Readonly<Record<string, unknown>>;

/** The engines of pricing processes, which nothing can interrupt inside a row. */
const engines = createEngineFactory();
const tolerance = process.env['NODE_V8_COVERAGE'] === undefined ? 1 : 20;
/** A row that takes no longer than this leaves time for others, whatever its estimate is. */
const harmlessMs = 100;
/** Max work as a multiple of the estimate. Prices that few volatilities give take four times as long as others. */
const maxFactor = 8;

/** Times to expiry of all magnitudes, also those where the deviation of the spot at expiry is about a negligible one. */
const times = [5e-324, 1e-300, 1e-100, 1e-40, 1e-26, 2e-24, 2e-21, 1e-18, 1e-13, 1e-9, 1e-5, 0.01, 1, 20, 200] as const;
const counts = [0, 1, 1_000] as const;

/** Just in the money, where a time value next to 0 needs most prices of a search. */
const nearMoney = { spot: 100, forward: 100, strike: 99.99999997738426, rate: 0 } as const;

/** An ordinary price, and one just above the payoff of `nearMoney`. */
const searchedPrices = [5, 2.2616187564915746e-8] as const;

const rowsOf = (usual: Row, time: number, count: number): readonly Row[] => {
  const { dividends: _, ...rest } = usual;
  const near = Object.fromEntries(Object.entries(nearMoney).filter(([name]) => name in usual));
  const dividends = Array.from({ length: count }, (_each, index) => ({
    time: (time * (index + 1)) / (count + 2),
    amount: 1e-12,
  }));
  const row = { ...rest, time_to_expiry: time, ...(count > 0 && { dividends }) };
  return [row, { ...row, ...near, option_type: 'call' }];
};

/** @returns a text for work that took very much longer than its estimate; undefined if it is refused, or the option has no price */
const underestimated = (row: Row, outputs: readonly OutputName[]): string | undefined => {
  const model = engines.model(String(row['model']));
  const wanted = wantedOf(outputs);
  const option = readOption(row, model, '', wanted);
  if (Array.isArray(option)) return undefined;
  const estimate = estimateOf([row], wanted);
  try {
    checkWork(estimate, 30_000);
  } catch {
    return undefined;
  }
  const run = (): number => {
    const began = threadMs();
    evaluate(engines.engine(model), option, wanted, createOutputs());
    return threadMs() - began;
  };
  const allowedMs = Math.max(harmlessMs, maxFactor * estimate.maxRowMs) * tolerance;
  // A second run shows whether the compiler or the collector took the time of the first.
  const took = run();
  if (took <= allowedMs || run() <= allowedMs) return undefined;
  const years = String(row['time_to_expiry']);
  return `${outputs.join()} at ${years} years: ${took.toFixed(0)} ms, estimated ${estimate.maxRowMs.toFixed(2)} ms`;
};

for (const [name, usual] of Object.entries(optionOfModel)) {
  const model = engines.model(name);
  const isInverted = model.outputs.includes('implied_volatility');
  for (const count of model.extras.includes('dividends') ? counts : [0]) {
    test.serial(`${name} with ${count} dividends: work is near its estimate at times of all magnitudes`, (t) => {
      const slow = times.flatMap((time) =>
        rowsOf(usual, time, count).flatMap((row) => {
          const { volatility: _, ...unknown } = row;
          const searches = searchedPrices.map((price) => ({ ...unknown, price }));
          return [
            underestimated(row, ['price']),
            underestimated(row, ['delta', 'volga']),
            ...(isInverted ? searches.map((searched) => underestimated(searched, ['implied_volatility'])) : []),
          ].filter((text) => text !== undefined);
        }),
      );
      t.deepEqual(slow, []);
    });
  }
}

/** Its volatility is found by more than 30 prices on grids. An estimate by a volatility of 0.2 was 19 ms, and the work 0.9 to 1.3 s. */
test.serial('a search at a time at which 20 % are no deviation, and 100 are one, has the estimate of grids', (t) => {
  const years = 2e-21;
  const { forward: _, ...market } = nearMoney;
  const searchOf = (count: number): Row => ({
    ...market,
    model: 'finite_difference',
    option_type: 'call',
    exercise_style: 'american',
    time_to_expiry: years,
    price: searchedPrices[1],
    dividends: Array.from({ length: count }, (_, index) => ({ time: (years * (index + 1)) / 1_002, amount: 1e-30 })),
  });
  for (const count of [0, 1, 300]) {
    const row = searchOf(count);
    t.is(underestimated(row, ['implied_volatility']), undefined);
    t.true(estimateOf([row], wantedOf(['implied_volatility'])).maxRowMs > harmlessMs, `${count} dividends`);
  }
});
