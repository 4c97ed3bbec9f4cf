import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import type { PresetValues, PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { defaultModel, pricingModels, type Model, type ModelName } from '../models/models.ts';
import { chosenModel, modelOfRow, type ModelInputs } from './conventions/model-of-row.ts';
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

/** What options get where they lack it. */
export type Filling = {
  /** The model of the preset, then that of the settings: the first that fits an option is taken. */
  readonly models: readonly ModelName[];
  readonly precision?: string | undefined;
  readonly steps?: number | undefined;
};

const modelByName: ReadonlyMap<unknown, Model> = new Map(pricingModels.map((model) => [model.name, model]));
const knownModel = (name: string | undefined): ModelName[] => {
  const model = modelByName.get(name);
  return model === undefined ? [] : [model.name];
};

/**
 * What fills the options of a request: the named preset, then the default model of the user.
 * @param defaults undefined if the caller is no user, who has neither settings nor presets
 * @returns the values, or the error of the member
 */
export const readDefaults = (
  preset: unknown,
  defaults: PricingDefaults | undefined,
): { readonly values: Filling } | FieldError[] => {
  const refuse = (code: string, detail: string): FieldError[] => [{ pointer: `/${presetMember}`, code, detail }];
  const own = knownModel(defaults?.model);
  if (preset === undefined) return { values: { models: own } };
  if (typeof preset !== 'string') return refuse('invalid_type', 'preset must be the name of a preset');
  if (defaults === undefined)
    return refuse(
      'unsupported',
      'preset needs the credentials of a user, and this request has none: send the header Authorization: Bearer TOKEN ' +
        '(TOKEN is access_token in the answer of POST /auth/login), or the header X-API-Key with an API key of a user. ' +
        'To price without a preset, remove preset from the body',
    );
  const { presets } = defaults;
  if (!Object.hasOwn(presets, preset)) return refuse('invalid_value', unknownText(preset, Object.keys(presets)));
  const { model, ...others }: PresetValues = presets[preset] ?? {};
  return { values: { ...others, models: [...knownModel(model), ...own] } };
};

/** Whether the values differ from what an option has without them. */
export const hasEffect = ({ models, precision, steps }: Filling): boolean =>
  models.some((model) => model !== defaultModel) || precision !== undefined || steps !== undefined;

/**
 * The model of the values for an option that names none: the first that prices its exercise style and takes its steps and
 * dividends. If none does, the steps of a preset choose the model of an American option with dividends, as steps of the
 * option do. They do not for other American options, because andersen_lake prices those better. Undefined if the values
 * choose none.
 */
export const modelFor = (values: Filling, row: ModelInputs): ModelName | undefined => {
  const { exercise_style: style, steps, dividends } = row;
  const fitting = values.models.find((name) => {
    const model = modelByName.get(name)!;
    const styles: readonly unknown[] = model.exerciseStyles;
    if (!styles.includes(style ?? 'european')) return false;
    return (steps === undefined || hasSteps(model)) && (dividends === undefined || model.extras.includes('dividends'));
  });
  if (fitting !== undefined || dividends === undefined || values.steps === undefined) return fitting;
  return style === 'american' ? chosenModel({ ...row, steps: values.steps }) : undefined;
};

/** The value of one input for an option that lacks it; undefined if its model lacks the input. */
export const valueFor = (
  values: Filling,
  name: 'precision' | 'steps',
  row: ModelInputs,
): string | number | undefined => {
  const known = modelByName.get(modelOfRow(row));
  if (known === undefined) return undefined;
  return (name === 'precision' ? hasPrecision(known) : hasSteps(known)) ? values[name] : undefined;
};

/** The row with the values that it lacks. */
export const fillRow = (row: Row, values: Filling): Row => {
  if (!hasEffect(values)) return row;
  const { model = modelFor(values, row) } = row;
  const added: Record<string, unknown> = {};
  if (row['model'] === undefined && model !== undefined) added['model'] = model;
  for (const name of ['precision', 'steps'] as const) {
    const value = row[name] === undefined ? valueFor(values, name, { ...row, model }) : undefined;
    if (value !== undefined) added[name] = value;
  }
  return { ...row, ...added };
};
