/**
 * An American put whose estimate is low, but no fixed scheme converges for it, so that it is priced on panels. It takes about 8 ms, some
 * hundred times as long as usual ones. Two of 1.6 million random options with extreme inputs were like it.
 */
export const hiddenPanels = {
  model: 'andersen_lake',
  option_type: 'put',
  exercise_style: 'american',
  precision: 'fast',
  spot: 100,
  strike: 475_087_418_194.3649,
  time_to_expiry: 1.3465184184633923e-9,
  rate: 0,
  dividend_yield: -1.0975313147678541e-7,
  volatility: 83.25054557950335,
} as const;

/** An option as an attacker sent it: a rate that is nearly 0. It takes about 15 ms. */
export const nearlyNoRate = {
  model: 'andersen_lake',
  option_type: 'call',
  exercise_style: 'american',
  precision: 'fast',
  spot: 100,
  strike: 100,
  time_to_expiry: 0.14173773067233697,
  rate: -3.208627017068352e-18,
  dividend_yield: 0,
  volatility: 0.30966261396094646,
} as const;

/** An option by Heston's model nearly without variance and time. Its integral takes about 5 ms and does not converge. */
export const hiddenSum = {
  model: 'heston',
  option_type: 'call',
  spot: 100.02743944619597,
  strike: 99.9999999999697,
  time_to_expiry: 4.46e-7,
  rate: 0.0252,
  dividend_yield: 0.00068,
  heston: { v0: 0, kappa: 2.27e-10, theta: 6.53e-6, sigma: 0, rho: 1 },
} as const;
