import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Precision } from '../engines/american/andersen-lake-scheme.ts';
import type { Wanted } from '../request/calculate.ts';
import { mostDividends, steps as stepsInput } from './inputs.ts';
import { defaultModel, type ModelName } from './models.ts';

/** An unchecked member of a row. */
export type Member = (name: string) => unknown;

/** Microseconds of one price of a row; measured by `npm run bench:pricing` and `test/pricing/cost.test.ts`, rounded up. */
type ModelCost = {
  readonly price: (member: Member) => number;
  /** Prices that the greeks cost. */
  readonly greeks: number;
  /** Prices that finding the volatility costs. */
  readonly inversion: number;
};

const dividendCost = 0.03;
const nodeCost = 0.001;
/** Calls of the price in `writeNumericGreeks`. */
const numericGreeks = 72;
/** Of the 100 steps that a search may take, only searches at the edge of the model take more than these. */
const search = 25;

const countOfDividends = (member: Member): number => {
  const dividends = member('dividends');
  return Array.isArray(dividends) ? Math.min(dividends.length, mostDividends) : 0;
};

const treeCost = (member: Member): number => {
  const given = member('steps');
  const count = typeof given === 'number' && given > 0 ? Math.min(given, stepsInput.maximum) : stepsInput.default!;
  const dividends = countOfDividends(member);
  // Each step values the dividends still to come; without volatility each dividend is a time to exercise.
  return 1 + count * count * nodeCost + (count * dividends + 2 * dividends * dividends) * dividendCost;
};

const andersenLakeCosts: Readonly<Record<Precision, number>> = { fast: 10, default: 18, high: 100 };

const isPrecision = (name: unknown): name is Precision =>
  typeof name === 'string' && Object.hasOwn(andersenLakeCosts, name);

/** Exhaustive: a model without a cost does not compile, so no model is priced on the event loop as if it cost nothing. */
const modelCosts: Readonly<Record<ModelName, ModelCost>> = {
  black_scholes: { price: (member) => 0.2 + countOfDividends(member) * dividendCost, greeks: 2, inversion: 2 },
  black76: { price: () => 0.2, greeks: 2, inversion: 2 },
  bachelier: { price: () => 0.2, greeks: 2, inversion: 2 },
  heston: { price: () => 10, greeks: 4, inversion: 0 },
  binomial_lr: { price: treeCost, greeks: numericGreeks, inversion: search },
  andersen_lake: {
    price: (member) => {
      const precision = member('precision') ?? 'default';
      return isPrecision(precision) ? andersenLakeCosts[precision] : 0;
    },
    greeks: numericGreeks,
    inversion: search,
  },
  baw: { price: () => 1, greeks: numericGreeks, inversion: search },
};
const isModelName = (name: unknown): name is ModelName => typeof name === 'string' && Object.hasOwn(modelCosts, name);

/** What a row costs that is refused. */
const refusedCost = 0.2;

/**
 * Microseconds that a row is expected to take, from its unchecked members: decides where and whether it is priced, never
 * what the answer is.
 */
const rowCost = (member: Member, { needs, inverted }: Wanted): number => {
  const model = member('model') ?? defaultModel;
  if (!isModelName(model)) return refusedCost;
  const { price, greeks, inversion } = modelCosts[model];
  return price(member) * ((inverted ? inversion : 0) + (needs === 'price' ? 1 : 1 + greeks));
};

/** The duration that a batch is expected to have. */
export type WorkEstimate = {
  readonly totalMs: number;
  /** Of the row that takes the most. */
  readonly maxRowMs: number;
  /** The model of that row, `unknown` where it is none. */
  readonly model: ModelName | 'unknown';
};

/** @param members the rows, each by its members */
export const estimateOf = (members: Iterable<Member>, wanted: Wanted): WorkEstimate => {
  let total = 0;
  let max = 0;
  let model: unknown;
  for (const member of members) {
    const cost = rowCost(member, wanted);
    total += cost;
    if (cost <= max) continue;
    max = cost;
    model = member('model') ?? defaultModel;
  }
  return { totalMs: total / 1000, maxRowMs: max / 1000, model: isModelName(model) ? model : 'unknown' };
};

/** @throws AppError `pricing_work_too_large`: the same request cannot succeed later, so nobody should wait for it */
export const checkWork = ({ totalMs }: WorkEstimate, maxMs: number): void => {
  if (totalMs <= maxMs) return;
  const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1);
  throw new AppError(
    'pricing_work_too_large',
    `The calculation would take about ${seconds(totalMs)} s of a processor, and at most ${seconds(maxMs)} s are allowed: ` +
      'send fewer rows, ask for less precision or fewer steps, or use a pricing job',
    { abuse: 'work_estimate' },
  );
};
