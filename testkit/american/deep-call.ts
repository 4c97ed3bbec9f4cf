/**
 * An American call so deep in the money that no fixed scheme reaches its error bound. It takes about 6 ms, a thousand times as long
 * as usual ones.
 */
export const deepCall = {
  model: 'andersen_lake',
  option_type: 'call',
  exercise_style: 'american',
  precision: 'fast',
  spot: 1,
  strike: 0.0001,
  time_to_expiry: 1.1,
  rate: -0.52,
  dividend_yield: 0.04,
  volatility: 0.41,
} as const;
