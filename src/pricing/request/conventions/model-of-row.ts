import { defaultModel, type ModelName } from '#src/kernel/catalogue/pricing-models.ts';

/** What decides which model is chosen for an option. */
export type ModelInputs = {
  readonly model?: unknown;
  readonly exercise_style?: unknown;
  readonly steps?: unknown;
  readonly dividends?: unknown;
};

/**
 * The model of an option that names none: black_scholes, and for an American option andersen_lake. With steps it is
 * binomial_lr, with dividends finite_difference, because andersen_lake has neither.
 */
export const chosenModel = ({ exercise_style: style, steps, dividends }: ModelInputs): ModelName => {
  if (style !== 'american') return defaultModel;
  if (steps !== undefined) return 'binomial_lr';
  return dividends === undefined ? 'andersen_lake' : 'finite_difference';
};

/** The model that a row names, not validated, or the one that is chosen for it. */
export const modelOfRow = (row: ModelInputs): unknown => (row.model === undefined ? chosenModel(row) : row.model);
