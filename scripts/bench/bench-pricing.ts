/** Measures kernels per second on one core and their error against references: `npm run bench:pricing`. */
import { availableParallelism, cpus } from 'node:os';
import { createAdaptiveAmerican } from '#src/pricing/engines/american/adaptive-american.ts';
import { precisions } from '#src/pricing/engines/american/precision.ts';
import { bawPrice } from '#src/pricing/engines/american/baw.ts';
import { binomialPrice } from '#src/pricing/engines/american/binomial-lr.ts';
import {
  blackScholesEvaluate,
  blackScholesFirstOrder,
  blackScholesPrice,
} from '#src/pricing/engines/european/black-scholes.ts';
import { createGridPrices } from '#src/pricing/engines/finite-difference/grid-price.ts';
import { sortDividends } from '#src/pricing/engines/finite-difference/grid-problem.ts';
import { createHeston } from '#src/pricing/engines/heston/heston.ts';
import { bachelierImpliedVolatility } from '#src/pricing/engines/european/implied-bachelier.ts';
import { bachelierPrice } from '#src/pricing/engines/european/bachelier.ts';
import { blackScholesImpliedVolatility } from '#src/pricing/engines/european/implied-black.ts';
import { allowDeepInlining } from '#src/pricing/math/inlining.ts';
import { outputNames } from '#src/pricing/models/outputs.ts';
import { benchBounds } from './pricing/pricing-bounds.ts';
import { benchDomain } from './pricing/pricing-domain.ts';
import american from '#testkit/pricing-reference/american.json' with { type: 'json' };
import greeks from '#testkit/pricing-reference/greeks.json' with { type: 'json' };
import heston from '#testkit/pricing-reference/heston.json' with { type: 'json' };

allowDeepInlining();

const rounds = 61;
const milliseconds = 20;

/** A generator with a fixed seed, so that every run uses the same market data. */
const random = (() => {
  let state = 20_240_229;
  return (from: number, to: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from + ((to - from) * state) / 2 ** 32;
  };
})();

const size = 4096;
const column = (from: number, to: number): Float64Array => Float64Array.from({ length: size }, () => random(from, to));
const spots = column(80, 120);
const strikes = column(60, 140);
const times = column(0.05, 2);
const rates = column(0, 0.06);
const yields = column(0, 0.04);
const volatilities = column(0.1, 0.6);
const signs = column(-1, 1).map((value) => (value < 0 ? -1 : 1));
const result = new Float64Array(size);
const buffer = new Float64Array(outputNames.length);
const prices = spots.map((s, i) =>
  blackScholesPrice(s, strikes[i]!, times[i]!, rates[i]!, yields[i]!, volatilities[i]!, signs[i]!),
);
const normalPrices = spots.map((s, i) =>
  bachelierPrice(s, strikes[i]!, times[i]!, rates[i]!, 30 * volatilities[i]!, signs[i]!),
);

type Case = {
  readonly name: string;
  /** The required kernels per second. */
  readonly target?: number;
  /** Kernels in one call of `run`. */
  readonly count: number;
  readonly run: () => void;
  readonly error: () => string;
};

const worst = (values: readonly number[]): string => Math.max(...values).toExponential(1);

const blackScholesError = (index: 0 | 1 | 2 | 3 | 4 | 5): number[] =>
  greeks.black_scholes.map((row) => {
    const [s, k, time, rate, dividend, vol] = row.inputs as [number, number, number, number, number, number];
    const name = outputNames[index];
    if (index === 0) buffer[0] = blackScholesPrice(s, k, time, rate, dividend, vol, row.sign);
    else blackScholesFirstOrder(s, k, time, rate, dividend, vol, row.sign, buffer);
    const d = Math.log(s / k) / (vol * Math.sqrt(time));
    // A relative rounding error in d1 becomes an error about d1^2 times as large in the tails, so the error is scaled
    // by that factor.
    return row[name] === 0 ? 0 : Math.abs(buffer[index]! / row[name] - 1) / (1 + d * d);
  });

const heights = createHeston();
const hestonRows = heston.rows as (readonly number[])[];
const hestonAt = (row: readonly number[]): number => {
  const [s, k, time, rate, dividend, v0, kappa, theta, sigma, rho] = row as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  heights(s, k, time, rate, dividend, { v0, kappa, theta, sigma, rho }, 1, false, buffer);
  return buffer[0]!;
};
type American = [number, number, number, number, number, number, number];
const americanRows = american.rows as (readonly number[])[];
const americanCase = (name: string, price: (...inputs: American) => number, target?: number): Case => ({
  name,
  ...(target === undefined ? {} : { target }),
  count: americanRows.length,
  run: () => {
    for (const row of americanRows) price(...(row.slice(0, 7) as American));
  },
  error: () =>
    `${worst(americanRows.map((row) => Math.abs(price(...(row.slice(0, 7) as American)) - row[7]!) / row[1]!))} of strike`,
});

const grid = createGridPrices();
const market = { spot: 100, strike: 100, time: 1, rate: 0.05, dividendYield: 0, volatility: 0.25, sign: -1 };
const quarters = [0.2, 0.45, 0.7, 0.95].map((time) => ({ time, amount: 1 }));
const withDividends = { ...market, american: true, ...sortDividends(quarters, market.time) };

const lakeTargets = { fast: 60_000, default: 40_000, high: undefined };

const cases: Case[] = [
  {
    name: 'Black-Scholes price',
    target: 15e6,
    count: size,
    run: () => {
      for (let i = 0; i < size; i++) {
        result[i] = blackScholesPrice(
          spots[i]!,
          strikes[i]!,
          times[i]!,
          rates[i]!,
          yields[i]!,
          volatilities[i]!,
          signs[i]!,
        );
      }
    },
    error: () => `${worst(blackScholesError(0))} relative / (1 + d^2)`,
  },
  {
    name: 'Black-Scholes price + 5 greeks (and dividend rho)',
    target: 12e6,
    count: size,
    run: () => {
      for (let i = 0; i < size; i++) {
        blackScholesFirstOrder(
          spots[i]!,
          strikes[i]!,
          times[i]!,
          rates[i]!,
          yields[i]!,
          volatilities[i]!,
          signs[i]!,
          buffer,
        );
        result[i] = buffer[0]! + buffer[1]!;
      }
    },
    error: () => `${worst(([0, 1, 2, 3, 4, 5] as const).flatMap(blackScholesError))} relative / (1 + d^2)`,
  },
  {
    name: 'Black-Scholes price + 16 greeks',
    count: size,
    run: () => {
      for (let i = 0; i < size; i++) {
        blackScholesEvaluate(
          spots[i]!,
          strikes[i]!,
          times[i]!,
          rates[i]!,
          yields[i]!,
          volatilities[i]!,
          signs[i]!,
          buffer,
        );
        result[i] = buffer[0]! + buffer[14]!;
      }
    },
    error: () => 'see tests',
  },
  {
    name: 'Black-Scholes implied volatility',
    target: 2e6,
    count: size,
    run: () => {
      for (let i = 0; i < size; i++) {
        result[i] = blackScholesImpliedVolatility(
          prices[i]!,
          spots[i]!,
          strikes[i]!,
          times[i]!,
          rates[i]!,
          yields[i]!,
          signs[i]!,
        );
      }
    },
    // The unit is the error that the rounding of the price alone causes: eps * (1 + price / (volatility * vega)).
    error: () => {
      const units = [...spots].map((s, i) => {
        const found = result[i]!;
        if (found < 0) return 0;
        blackScholesFirstOrder(s, strikes[i]!, times[i]!, rates[i]!, yields[i]!, volatilities[i]!, signs[i]!, buffer);
        const limit = Number.EPSILON * (1 + (2 * Math.max(prices[i]!, s)) / (volatilities[i]! * buffer[3]!));
        return Math.abs(found / volatilities[i]! - 1) / limit;
      });
      return `${Math.max(...units).toFixed(1)} times the attainable`;
    },
  },
  {
    name: 'Bachelier implied volatility',
    count: size,
    run: () => {
      for (let i = 0; i < size; i++) {
        result[i] = bachelierImpliedVolatility(
          normalPrices[i]!,
          spots[i]!,
          strikes[i]!,
          times[i]!,
          rates[i]!,
          signs[i]!,
        ).volatility;
      }
    },
    error: () => 'see tests',
  },
  ...precisions.map((precision) =>
    americanCase(`Andersen-Lake ${precision}`, createAdaptiveAmerican(precision), lakeTargets[precision]),
  ),
  americanCase('Barone-Adesi-Whaley', bawPrice),
  americanCase('Leisen-Reimer tree, 501 steps', (spot, strike, time, rate, dividendYield, volatility, sign) =>
    binomialPrice({ spot, strike, time, rate, dividendYield, volatility, sign }, { american: true, steps: 501 }),
  ),
  {
    name: 'Finite differences, American put with four dividends',
    count: 1,
    run: () => grid.price(withDividends),
    error: () => 'see below',
  },
  {
    name: 'Heston price',
    target: 20_000,
    count: hestonRows.length,
    run: () => {
      for (const row of hestonRows) hestonAt(row);
    },
    error: () => `${worst(hestonRows.map((row) => Math.abs(hestonAt(row) - row[10]!)))} absolute at spot 100`,
  },
];

/** Milliseconds of processor time of this process. Other load on the machine does not affect this figure. */
const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Median and best of several rounds. Each round takes about 20 ms of processor time. */
const measure = ({ run, count }: Case): { median: number; best: number } => {
  run();
  const started = processorTime();
  for (let n = 0; n < 3; n++) run();
  const repeats = Math.max(1, Math.round((3 * milliseconds) / (processorTime() - started)));
  const speeds = Array.from({ length: rounds }, () => {
    const start = processorTime();
    for (let n = 0; n < repeats; n++) run();
    return (repeats * count * 1000) / (processorTime() - start);
  }).toSorted((a, b) => a - b);
  return { median: speeds[Math.floor(rounds / 2)]!, best: speeds.at(-1)! };
};

const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');

console.log(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`);
console.log('| kernel | per second (median) | best | target | error |');
console.log('|---|---:|---:|---:|---|');
for (const entry of cases) {
  const { median, best } = measure(entry);
  const target =
    entry.target === undefined ? '' : `${thousands(entry.target)}${median < entry.target ? ' MISSED' : ''}`;
  console.log(`| ${entry.name} | ${thousands(median)} | ${thousands(best)} | ${target} | ${entry.error()} |`);
}

const isBroken = !benchBounds(random);
if (!benchDomain() || isBroken) process.exitCode = 1;
