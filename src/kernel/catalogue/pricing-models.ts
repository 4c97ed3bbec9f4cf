/**
 * The one list of pricing models and the one list of what a calculation can answer. The models themselves, their costs,
 * metric labels, the settings of users, OpenAPI and docs are typed by these lists: a name in one place only does not
 * compile.
 */
export const modelNames = [
  'black_scholes',
  'black76',
  'bachelier',
  'heston',
  'barrier',
  'cash_or_nothing',
  'asset_or_nothing',
  'binomial_lr',
  'andersen_lake',
  'baw',
  'finite_difference',
] as const;
export type ModelName = (typeof modelNames)[number];
export const defaultModel: ModelName = 'black_scholes';

/** The order in which engines write their results: `price`, the greeks of the API, the volatility behind a price. */
export const outputNames = [
  'price',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'charm',
  'veta',
  'speed',
  'zomma',
  'color',
  'ultima',
  'dual_delta',
  'dual_gamma',
  'implied_volatility',
] as const;
export type OutputName = (typeof outputNames)[number];

/** The methods of volatility forecasts. */
export const forecastMethods = ['ewma', 'garch11'] as const;
export type ForecastMethod = (typeof forecastMethods)[number];

/**
 * Why a pricing process returned a task, so that it is begun again in another place. `estimate`: its body is read, and no row is priced.
 * `time`: its rows take several times their estimate. `row`: one of them does. `answer`: its answer became longer than estimated.
 */
export const returnReasons = ['estimate', 'time', 'row', 'answer'] as const;
export type ReturnReason = (typeof returnReasons)[number];

/**
 * Why a calibration ended. The first three mean that the fit is a min that determines the parameters. With `at_bound` and
 * `not_identified` it is a min that does not determine them.
 */
export const calibrationStopReasons = [
  'residual_small',
  'gradient_small',
  'step_small',
  'at_bound',
  'not_identified',
  'max_iterations',
  'no_progress',
  'work_limit',
] as const;
export type CalibrationStopReason = (typeof calibrationStopReasons)[number];
