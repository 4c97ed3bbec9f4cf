import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { createGridPrices, gridErrorBound } from '#src/pricing/engines/finite-difference/grid-price.ts';
import { sortDividends, type GridProblem } from '#src/pricing/engines/finite-difference/grid-problem.ts';
import { createHestonEngine } from '#src/pricing/engines/heston/heston-engine.ts';
import { hestonErrors } from '#testkit/pricing-reference/heston-errors.ts';
import dividends from '#testkit/pricing-reference/dividends.json' with { type: 'json' };
import heston from '#testkit/pricing-reference/heston-greeks.json' with { type: 'json' };

/** Number of random options without dividends. */
const count = Number(process.env['BOUND_OPTIONS'] ?? 200);

/** Errors of one kernel in the unit of its bound. NaN is a refusal. */
type Judged = {
  readonly name: string;
  readonly bound: number;
  readonly unit: string;
  readonly errors: number[];
};

const grid = createGridPrices();
const unit = 'the larger of spot and strike';
const errorOf = (problem: GridProblem, exact: number, errorOfExact: number): number =>
  Math.max(0, Math.abs(grid.price(problem) - exact) - errorOfExact) / Math.max(problem.spot, problem.strike);

/** One dividend, against integrals of 30 digits. */
const oneDividend = (): number[] =>
  (dividends.exact as [number, number, number, number, number, number, number, ...number[]][]).flatMap((row) => {
    const [spot, strike, time, rate, volatility, at, amount, ...prices] = row;
    const market = { spot, strike, time, rate, dividendYield: 0, volatility };
    const paid = sortDividends([{ time: at, amount }], time);
    const kinds = [
      { sign: 1, american: false },
      { sign: -1, american: false },
      { sign: 1, american: true },
    ];
    return kinds.map((kind, k) => errorOf({ ...market, ...kind, ...paid }, prices[k]!, 0));
  });

/** Several dividends, against a grid in the spot with another method. */
const severalDividends = (): number[] =>
  (dividends.grid as [number[], number[][], number, number][]).map(([inputs, pairs, price, error]) => {
    const [spot, strike, time, rate, volatility, sign] = inputs as [number, number, number, number, number, number];
    const paid = sortDividends(
      pairs.map(([at, amount]) => ({ time: at!, amount: amount! })),
      time,
    );
    const problem = { spot, strike, time, rate, dividendYield: 0, volatility, sign, american: true, ...paid };
    return errorOf(problem, price, error);
  });

/** No dividends, against andersen_lake at high precision. */
const noDividends = (random: (from: number, to: number) => number): number[] => {
  const exact = createAdaptiveAmerican('high');
  return Array.from({ length: count }, () => {
    const spot = 100;
    const strike = 100 * Math.exp(random(-0.7, 0.7));
    const time = Math.exp(random(Math.log(0.01), Math.log(40)));
    const volatility = Math.exp(random(Math.log(0.03), Math.log(1.2)));
    const [rate, dividendYield] = [random(0, 0.2), random(0, 0.2)];
    const sign = random(-1, 1) < 0 ? -1 : 1;
    const problem = { spot, strike, time, rate, dividendYield, volatility, sign, american: true };
    const price = exact(spot, strike, time, rate, dividendYield, volatility, sign);
    return errorOf({ ...problem, dividends: [], lastDividend: 0 }, price, 0);
  });
};

/** Price and greeks of Heston, against derivatives with 20 digits. */
const hestonOutputErrors = (isPrice: boolean): number[] => {
  const engine = createHestonEngine();
  return heston.rows.flatMap(({ inputs, greeks }) =>
    Object.entries(hestonErrors(engine, inputs, greeks)).flatMap(([name, error]) =>
      (name === 'price') === isPrice ? [error] : [],
    ),
  );
};

/** A refusal of an ordinary option is an error too. */
const noRefusal = (errors: readonly number[]): number[] =>
  errors.map((error) => (Number.isNaN(error) ? Infinity : error));

/** The kernels whose bound is judged against references. */
const judgedKernels = (random: (from: number, to: number) => number): Judged[] => [
  { name: 'Finite differences, one dividend', bound: gridErrorBound, unit, errors: noRefusal(oneDividend()) },
  { name: 'Finite differences, several dividends', bound: gridErrorBound, unit, errors: noRefusal(severalDividends()) },
  { name: `Finite differences, ${count} random`, bound: gridErrorBound, unit, errors: noDividends(random) },
  { name: 'Heston price', bound: 1e-9, unit: 'the spot', errors: noRefusal(hestonOutputErrors(true)) },
  { name: 'Heston greeks', bound: 1e-9, unit: 'their scale', errors: noRefusal(hestonOutputErrors(false)) },
];

/**
 * Prints the errors of kernels with their bounds.
 * @returns false if an error is above its bound
 */
export const benchBounds = (random: (from: number, to: number) => number): boolean => {
  console.log('\n| kernel | bound | median error | max error | unit | refused | |');
  console.log('|---|---:|---:|---:|---|---:|---|');
  let kept = true;
  for (const { name, bound, unit: of, errors } of judgedKernels(random)) {
    const judged = errors.filter((error) => !Number.isNaN(error)).toSorted((a, b) => a - b);
    const text = (value: number | undefined): string => (value ?? Number.NaN).toExponential(1);
    const isKept = (judged.at(-1) ?? Infinity) <= bound;
    kept &&= isKept;
    console.log(
      `| ${name} | ${text(bound)} | ${text(judged[judged.length >> 1])} | ${text(judged.at(-1))} | ${of} | ` +
        `${errors.length - judged.length} | ${isKept ? '' : 'BROKEN'} |`,
    );
  }
  return kept;
};
