import type { Wanted } from './calculate.ts';
import { defaultModel } from './models.ts';

/** Microseconds of one price with what was not asked for at its default; measured by `npm run bench:pricing`, rounded up. */
const priceCost: Readonly<Record<string, number>> = {
  black_scholes: 0.2,
  black76: 0.2,
  bachelier: 0.2,
  baw: 1,
  heston: 10,
  andersen_lake: 16,
};
const highPrecision = 8;
const defaultSteps = 501;
/** Microseconds of one node of a tree. */
const nodeCost = 0.001;
/** Slow models take their greeks from prices nearby. */
const pricesPerGreeks = 12;
const pricesPerInversion = 12;

/**
 * Microseconds that a row is expected to take, from its unchecked members: decides where it is priced, never what the
 * answer is.
 */
export const rowCost = (member: (name: string) => unknown, { needs, inverted }: Wanted): number => {
  const model = member('model') ?? defaultModel;
  let cost = typeof model === 'string' && Object.hasOwn(priceCost, model) ? priceCost[model]! : 0.2;
  if (model === 'binomial_lr') {
    const steps = member('steps');
    const count = typeof steps === 'number' ? Math.min(steps, 10_001) : defaultSteps;
    cost = count * count * nodeCost;
  }
  if (member('precision') === 'high') cost *= highPrecision;
  if (cost < 1) return cost;
  return cost * (needs === 'price' ? 1 : pricesPerGreeks) + (inverted ? cost * pricesPerInversion : 0);
};
