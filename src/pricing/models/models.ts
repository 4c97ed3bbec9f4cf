import { defaultModel, modelNames, type ModelName } from '#src/kernel/catalogue/pricing-models.ts';
import type { DividendModel, ExerciseStyle, Option, PricingEngine } from './engine.ts';
import { createAndersenLakeEngine, createBawEngine } from '../engines/american/american-engines.ts';
import { createBinomialEngine } from '../engines/american/binomial-engine.ts';
import { errorBounds, precisions } from '../engines/american/precision.ts';
import { createBachelierEngine } from '../engines/european/bachelier.ts';
import { createBlack76Engine } from '../engines/european/black76.ts';
import { createBlackScholesEngine } from '../engines/european/black-scholes-engine.ts';
import { createHestonEngine, hestonOutputs } from '../engines/heston/heston-engine.ts';
import {
  createAssetOrNothingEngine,
  createBarrierEngine,
  createCashOrNothingEngine,
  exoticOutputs,
} from '../engines/exotic/exotic-engines.ts';
import { createFiniteDifferenceEngine } from '../engines/finite-difference/finite-difference-engine.ts';
import { gridErrorBound } from '../engines/finite-difference/grid-price.ts';
import { numericOutputs } from '../engines/numeric-greeks.ts';
import { conventionNames } from '../request/conventions/convention-members.ts';
import * as input from './inputs.ts';
import { outputNames, type OutputName } from './outputs.ts';
import type { SearchLook } from './search-watch.ts';
import type { EngineSite } from './slow-calculation.ts';

export { defaultModel, type ModelName };

/**
 * Inputs that are not numbers: the asset's symbol, discrete dividends, the precision level, Heston's parameters, the kind of
 * barrier.
 */
export type ExtraInput = 'symbol' | 'dividends' | 'precision' | 'heston' | 'barrier_type';

/** Facts about a model that are known before its engine is built. */
export type Model = {
  readonly name: ModelName;
  readonly title: string;
  readonly numbers: readonly input.NumberInput[];
  readonly extras: readonly ExtraInput[];
  readonly exerciseStyles: readonly ExerciseStyle[];
  /** How discrete dividends lower the spot. Present if `dividends` are an extra input. */
  readonly dividendModel?: DividendModel;
  readonly outputs: readonly OutputName[];
  readonly accuracy: string;
  readonly source: string;
  readonly build: (site: EngineSite, look: SearchLook) => PricingEngine;
};

type ModelDeclaration = Omit<Model, 'name'>;

/**
 * Widens the option type of the engine. This is safe, because an engine gets only options that were read with the
 * inputs of its own model.
 */
const defineModel = <O extends Option>(
  declaration: Omit<ModelDeclaration, 'build'> & {
    readonly build: (site: EngineSite, look: SearchLook) => PricingEngine<O>;
  },
): ModelDeclaration => declaration as unknown as ModelDeclaration;

const onSpot = [input.spot, input.strike, input.timeToExpiry, input.rate, input.volatility, input.dividendYield];
const closedForm =
  'Closed form; relative error of price about 1e-14, growing with the square of d1 in units of 1e-16 in the tails; ' +
  'implied volatility to the digits that the price holds';
const exoticAccuracy =
  'Closed form; error of the price about 1e-14 of the largest of spot, strike and payment, greeks by differentiation of the ' +
  'terms to about 1e-14 of their scale; implied volatility only where one volatility gives the price (else ' +
  'volatility_not_unique)';
const americanOutputs: readonly OutputName[] = [...numericOutputs, 'implied_volatility'];
/** For example `fast 1e-5, default 1e-6, high 1e-9`. */
const boundsText = precisions.map((precision) => `${precision} ${errorBounds[precision].toExponential(0)}`).join(', ');
const byDifferences = 'greeks by finite differences of the price';

const declarations: Readonly<Record<ModelName, ModelDeclaration>> = {
  black_scholes: defineModel({
    title: 'Black-Scholes-Merton',
    numbers: onSpot,
    extras: ['symbol', 'dividends'],
    dividendModel: 'escrowed',
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy: closedForm,
    source:
      'Black and Scholes (1973), Merton (1973); normal distribution after Cody (1969); discrete dividends by the ' +
      'escrowed model; implied volatility after Jaeckel (2015)',
    build: createBlackScholesEngine,
  }),
  black76: defineModel({
    title: 'Black-76, on the forward',
    numbers: [input.forward, input.strike, input.timeToExpiry, input.rate, input.volatility],
    extras: [],
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy: closedForm,
    source:
      'Black (1976), implied volatility after Jaeckel (2015); derivatives hold the forward fixed, dividend_rho is 0',
    build: createBlack76Engine,
  }),
  bachelier: defineModel({
    title: 'Bachelier (normal), on the forward',
    numbers: [input.signedForward, input.signedStrike, input.timeToExpiry, input.rate, input.absoluteVolatility],
    extras: [],
    exerciseStyles: ['european'],
    outputs: outputNames,
    accuracy: closedForm,
    source:
      'Bachelier (1900), implied volatility after Jaeckel (2017); derivatives hold the forward fixed, dividend_rho is 0',
    build: createBachelierEngine,
  }),
  heston: defineModel({
    title: 'Heston stochastic volatility',
    numbers: [input.spot, input.strike, input.timeToExpiry, input.rate, input.unusedVolatility, input.dividendYield],
    extras: ['heston', 'symbol'],
    exerciseStyles: ['european'],
    outputs: hestonOutputs,
    accuracy:
      'Integral with an error below 1e-9 of the spot, as a rule 1e-12; greeks by differentiation of the integral, to 1e-9 of ' +
      'their scale; vega, vanna and volga are by the initial ' +
      'volatility, the square root of v0',
    source: 'Heston (1993), trap-free form of Albrecher et al. (2007), contour after Andersen and Lake (2019)',
    build: createHestonEngine,
  }),
  barrier: defineModel({
    title: 'Single barrier, observed at all times',
    numbers: [...onSpot, input.barrier, input.rebate],
    extras: ['barrier_type', 'symbol'],
    exerciseStyles: ['european'],
    outputs: exoticOutputs,
    accuracy: `${exoticAccuracy}. A spot on or beyond the barrier has touched it`,
    source:
      'Rubinstein and Reiner (1991), Haug (2007), section 4.17; a rebate at negative rates by an integral over the time',
    build: createBarrierEngine,
  }),
  cash_or_nothing: defineModel({
    title: 'Cash or nothing (digital)',
    numbers: [...onSpot, input.cash],
    extras: ['symbol'],
    exerciseStyles: ['european'],
    outputs: exoticOutputs,
    accuracy: exoticAccuracy,
    source: 'Rubinstein and Reiner (1991), Haug (2007), section 4.19',
    build: createCashOrNothingEngine,
  }),
  asset_or_nothing: defineModel({
    title: 'Asset or nothing (digital)',
    numbers: onSpot,
    extras: ['symbol'],
    exerciseStyles: ['european'],
    outputs: exoticOutputs,
    accuracy: exoticAccuracy,
    source: 'Rubinstein and Reiner (1991), Haug (2007), section 4.19',
    build: createAssetOrNothingEngine,
  }),
  binomial_lr: defineModel({
    title: 'Binomial tree of Leisen and Reimer',
    numbers: [...onSpot, input.steps],
    extras: ['symbol', 'dividends'],
    dividendModel: 'escrowed',
    exerciseStyles: ['european', 'american'],
    outputs: americanOutputs,
    accuracy:
      `Error of an American price about 1e-4 of the strike at ${input.defaultSteps} steps, falling with their number; ${byDifferences}, ` +
      'gamma to about three digits',
    source: 'Leisen and Reimer (1996); discrete dividends by the escrowed model',
    build: createBinomialEngine,
  }),
  andersen_lake: defineModel({
    title: 'Andersen, Lake and Offengenden',
    numbers: onSpot,
    extras: ['symbol', 'precision'],
    exerciseStyles: ['american'],
    outputs: americanOutputs,
    accuracy:
      `Max error over the whole accepted domain: ${boundsText} of the strike, or 1e-13 of the larger of spot and price where ` +
      `that is more; an option that cannot be priced within it is refused (not_converged); greeks by differentiation of the integral, to about 1e-8 of their scale, volga by differences of vega; two exercise ` +
      'boundaries (negative rates) are priced unless they meet before expiry',
    source:
      'Andersen, Lake and Offengenden (2016), first guess after Li (2010); outside ordinary markets and for high the same ' +
      'equations by Newton steps on panels that grow from expiry',
    build: createAndersenLakeEngine,
  }),
  baw: defineModel({
    title: 'Barone-Adesi and Whaley, approximate',
    numbers: onSpot,
    extras: ['symbol'],
    exerciseStyles: ['american'],
    outputs: americanOutputs,
    accuracy:
      'Approximation: error up to 3e-3 of the larger of spot and strike below one year, 2e-2 up to 5 years, 5e-2 up to 10 ' +
      `years, more beyond; ${byDifferences}; two exercise boundaries (negative rates) refused`,
    source: 'Barone-Adesi and Whaley (1987)',
    build: createBawEngine,
  }),
  finite_difference: defineModel({
    title: 'Finite differences, the spot falls by each dividend',
    numbers: onSpot,
    extras: ['symbol', 'dividends'],
    dividendModel: 'spot',
    exerciseStyles: ['european', 'american'],
    outputs: americanOutputs,
    accuracy:
      `Error of the price up to ${gridErrorBound.toExponential(0)} of the larger of spot and strike, as a rule 1e-7: an option for ` +
      'which two grids differ by more is refused (not_converged); greeks by the spot and the time from the grid, to 1e-3 of ' +
      'their scale (charm 1e-2), as a rule 1e-5, the others by differences on the same grid, to 3e-3 (rho and dividend_rho ' +
      '5e-3), as a rule 3e-4, volga to 2e-2 and dual_gamma to 5e-2, as a rule 1e-3, less close to the exercise boundary; two ' +
      'exercise boundaries (negative rates) refused',
    source:
      'TR-BDF2 (Bank et al., 1985) in the logarithm of the forward, exercise after Brennan and Schwartz (1977), Richardson ' +
      'extrapolation; a dividend that is larger than the spot pays the spot',
    build: createFiniteDifferenceEngine,
  }),
};

/** Every model, in the order of the list of names. */
export const pricingModels: readonly Model[] = modelNames.map((name) => ({ name, ...declarations[name] }));

/** Every member of a row that is an input of some model, or stands in place of one. A failed row echoes these members. */
export const inputNames: readonly string[] = [
  ...new Set([
    'model',
    'option_type',
    'exercise_style',
    ...conventionNames,
    ...pricingModels.flatMap(({ extras }) => extras),
    ...pricingModels.flatMap(({ numbers }) => numbers.map(({ name }) => name)),
    input.optionPrice.name,
  ]),
];
