import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import type { PresetValues, PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { defaultModel, pricingModels, type Model } from '../models/models.ts';
import { hasPrecision, hasSteps } from './preset-values.ts';
import type { Row } from './rows.ts';

/** The member of a request that names a preset of the user. */
export const presetMember = 'preset';

const unknownText = (name: string, known: readonly string[]): string => {
  const near = nearestName(name, known);
  const text = `There is no preset ${quoted(name)}`;
  if (near !== undefined) return `${text}; did you mean ${near}?`;
  return known.length === 0
    ? `${text}: PUT /settings/presets stores one`
    : `${text}; the presets are ${known.slice(0, 20).join(', ')}`;
};

/**
 * The values for options that lack them: those of the named preset, and the default model of the user.
 * @param defaults undefined if the caller is no user, who has neither settings nor presets
 * @returns the values, or the error of the member
 */
export const readDefaults = (
  preset: unknown,
  defaults: PricingDefaults | undefined,
): { readonly values: PresetValues } | FieldError[] => {
  const refuse = (code: string, detail: string): FieldError[] => [{ pointer: `/${presetMember}`, code, detail }];
  const own: PresetValues = defaults === undefined ? {} : { model: defaults.model };
  if (preset === undefined) return { values: own };
  if (typeof preset !== 'string') return refuse('invalid_type', 'preset must be the name of a preset');
  if (defaults === undefined)
    return refuse('unsupported', 'preset needs the credentials of a user: sign in, or remove it');
  const { presets } = defaults;
  if (!Object.hasOwn(presets, preset)) return refuse('invalid_value', unknownText(preset, Object.keys(presets)));
  return { values: { ...own, ...presets[preset] } };
};

const modelByName: ReadonlyMap<unknown, Model> = new Map(pricingModels.map((model) => [model.name, model]));

/** The value of one input for an option of a model; undefined if the model lacks the input. */
export const valueFor = (
  values: PresetValues,
  name: 'precision' | 'steps',
  model: unknown,
): string | number | undefined => {
  const known = modelByName.get(model ?? defaultModel);
  if (known === undefined) return undefined;
  return (name === 'precision' ? hasPrecision(known) : hasSteps(known)) ? values[name] : undefined;
};

/** Whether the values differ from what an option has without them. */
export const hasEffect = ({ model, precision, steps }: PresetValues): boolean =>
  (model !== undefined && model !== defaultModel) || precision !== undefined || steps !== undefined;

/**
 * The model of the values for an option that names none; undefined if it does not price the exercise style, so that one
 * that does is chosen.
 */
export const modelFor = ({ model }: PresetValues, exerciseStyle: unknown): string | undefined => {
  const styles: readonly unknown[] = modelByName.get(model)?.exerciseStyles ?? [];
  return styles.includes(exerciseStyle ?? 'european') ? model : undefined;
};

/** The row with the values that it lacks. */
export const fillRow = (row: Row, values: PresetValues): Row => {
  if (!hasEffect(values)) return row;
  const { model = modelFor(values, row['exercise_style']) } = row;
  const added: Record<string, unknown> = {};
  if (row['model'] === undefined && model !== undefined) added['model'] = model;
  for (const name of ['precision', 'steps'] as const) {
    const value = row[name] === undefined ? valueFor(values, name, model) : undefined;
    if (value !== undefined) added[name] = value;
  }
  return { ...row, ...added };
};
