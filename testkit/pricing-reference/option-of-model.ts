import type { ModelName } from '#src/kernel/catalogue/pricing-models.ts';

type OptionBody = Readonly<Record<string, unknown>>;

const common = { strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const onSpot = { ...common, spot: 100 };
const onForward = { ...common, forward: 100 };
const american = { ...onSpot, option_type: 'put', exercise_style: 'american' };
const { volatility: _, ...withoutVolatility } = onSpot;

/**
 * The body of a pricing request for one ordinary option of each model. A model without an entry does not compile. Tests
 * compare its time with the estimate and invert its price, and the live checks of dashboards send it.
 */
export const optionOfModel: Readonly<Record<ModelName, OptionBody>> = {
  black_scholes: { ...onSpot, model: 'black_scholes' },
  black76: { ...onForward, model: 'black76' },
  bachelier: { ...onForward, model: 'bachelier', volatility: 20 },
  heston: { ...withoutVolatility, model: 'heston', heston: { v0: 0.04, kappa: 2, theta: 0.04, sigma: 0.3, rho: -0.7 } },
  barrier: { ...onSpot, option_type: 'put', model: 'barrier', barrier_type: 'down_in', barrier: 92 },
  cash_or_nothing: { ...onSpot, model: 'cash_or_nothing', strike: 95, cash: 10 },
  asset_or_nothing: { ...onSpot, model: 'asset_or_nothing' },
  binomial_lr: { ...american, model: 'binomial_lr', steps: 101 },
  andersen_lake: { ...american, model: 'andersen_lake' },
  baw: { ...american, model: 'baw' },
  finite_difference: { ...american, model: 'finite_difference', dividends: [{ time: 0.25, amount: 2 }] },
};
