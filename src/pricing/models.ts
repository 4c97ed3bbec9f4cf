import type { LabelsOf } from '#src/kernel/metrics.ts';
import type { ExerciseStyle, Option, PricingEngine } from './engine.ts';
import { createBachelierEngine } from './engines/bachelier.ts';
import { createBlack76Engine } from './engines/black76.ts';
import { createBlackScholesEngine } from './engines/black-scholes.ts';
import * as input from './inputs.ts';
import { outputNames, type OutputName } from './outputs.ts';

export type ModelName = Exclude<LabelsOf<'volwatch_pricing_options_total'>['model'], 'unknown'>;
export const defaultModel: ModelName = 'black_scholes';

/** What is known of a model before any engine of it is built. */
export type Model = {
  readonly name: ModelName;
  readonly title: string;
  readonly numbers: readonly input.NumberInput[];
  /** Whether a request may name the stored asset that it is about. */
  readonly symbol: boolean;
  readonly exerciseStyles: readonly ExerciseStyle[];
  readonly outputs: readonly OutputName[];
  readonly accuracy: string;
  readonly source: string;
  readonly build: () => PricingEngine;
};

/** An engine is only ever given options read by its own model's inputs: here its option type is forgotten. */
const defineModel = <O extends Option>(
  declaration: Omit<Model, 'build'> & { readonly build: () => PricingEngine<O> },
): Model => declaration as unknown as Model;

export const pricingModels: readonly Model[] = [
  defineModel({
    name: 'black_scholes',
    title: 'Black-Scholes-Merton',
    numbers: [input.spot, input.strike, input.timeToExpiry, input.rate, input.volatility, input.dividendYield],
    symbol: true,
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy:
      'Closed form; relative error of price about 1e-14, growing with the square of d1 in units of 1e-16 in the tails',
    source: 'Black and Scholes (1973), Merton (1973); normal distribution after Cody (1969)',
    build: createBlackScholesEngine,
  }),
  defineModel({
    name: 'black76',
    title: 'Black-76, on the forward',
    numbers: [input.forward, input.strike, input.timeToExpiry, input.rate, input.volatility],
    symbol: false,
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy:
      'Closed form; relative error of price about 1e-14, growing with the square of d1 in units of 1e-16 in the tails',
    source: 'Black (1976); derivatives hold the forward fixed, dividend_rho is 0',
    build: createBlack76Engine,
  }),
  defineModel({
    name: 'bachelier',
    title: 'Bachelier (normal), on the forward',
    numbers: [input.signedForward, input.signedStrike, input.timeToExpiry, input.rate, input.absoluteVolatility],
    symbol: false,
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy:
      'Closed form; relative error of price about 1e-14, growing with the square of d in units of 1e-16 in the tails',
    source: 'Bachelier (1900); derivatives hold the forward fixed, dividend_rho is 0',
    build: createBachelierEngine,
  }),
];

/** Every member of a row that is an input of some model: what a failed row echoes. */
export const inputNames: readonly string[] = [
  ...new Set([
    'model',
    'option_type',
    'exercise_style',
    'symbol',
    ...pricingModels.flatMap(({ numbers }) => numbers.map(({ name }) => name)),
  ]),
];
