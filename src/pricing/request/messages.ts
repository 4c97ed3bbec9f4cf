import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { choiceAliases, inputAliases, modelAliases, outputAliases } from './texts/aliases.ts';
import { memberElsewhereText, type OptionPlace } from './texts/member-elsewhere.ts';
import type { NumberInput } from '../models/inputs.ts';
import { barrierTypes } from '../engines/exotic/barrier-types.ts';
import { maxDividends, rangeOf } from '../models/inputs.ts';
import { pricingModels, type Model } from '../models/models.ts';
import { greekNames, outputNames } from '../models/outputs.ts';
import { exerciseStyles } from '../models/engine.ts';

/** Texts of the refusals of a pricing request. Each names the field, what is wrong, and the remedy. */

/** Inputs of which a model has one: the other one, and what to send as it. */
const pairedInputs: Readonly<Record<string, { readonly other: string; readonly value: string }>> = {
  spot: { other: 'forward', value: 'the forward price' },
  forward: { other: 'spot', value: 'the price of the underlying' },
};

const didYouMean = (near: string | undefined): string => (near === undefined ? '' : `; did you mean ${near}?`);

export const kindOf = (value: unknown): string => {
  if (typeof value === 'string') return `the string ${quoted(value)}`;
  if (typeof value === 'boolean' || typeof value === 'number' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
};

export const notAnOptionText = (body: unknown): string => {
  const remedy = Array.isArray(body) ? ': send many options to /pricing/batch as {"options": [...]}' : '';
  return `The body must be an object with the inputs of one option, not ${kindOf(body)}${remedy}`;
};

export const notABatchText = (body: unknown): string => {
  const remedy = Array.isArray(body) ? ': send {"options": [...]}' : '';
  return `The body must be an object with options or columns, not ${kindOf(body)}${remedy}`;
};

/** The names of the models for which `holds` returns true. */
const modelsWith = (holds: (model: Model) => boolean): string =>
  listed(pricingModels.filter(holds).map(({ name }) => name));

/** How a value in the wrong unit is sent; undefined if the input has no unit that is often mistaken. */
export const unitRemedy = ({ name, unit }: NumberInput, value: number): string | undefined => {
  if (unit === undefined) return undefined;
  if (unit.name === 'years') {
    return `${name} is in years: for ${value} days send ${Number((value / 365).toPrecision(4))}`;
  }
  return `${name} is a decimal: for ${value} % send ${Number((value / 100).toPrecision(12))}`;
};

/** The member of a dividend that `date` may stand in place of. */
const dividendTime = 'time';

/** `Years to expiry` becomes `years to expiry`. */
const inSentence = (text: string): string => text[0]!.toLowerCase() + text.slice(1);

export const requiredText = ({
  name,
  description,
  unit,
}: Pick<NumberInput, 'name' | 'description' | 'unit'>): string => {
  if (unit?.name === 'decimal') return `${name} is required: send a decimal per year, such as ${unit.example}`;
  if (unit !== undefined && name === 'time_to_expiry') {
    return `${name} is required: send years, such as ${unit.example}, or send expiry and valuation_date`;
  }
  const dated = name === dividendTime ? ', or send date, with valuation_date beside dividends' : '';
  return `${name} is required: send a number (${inSentence(description)})${dated}`;
};

export const requiredChoiceText = (name: string, choices: readonly string[]): string =>
  `${name} is required: send ${listed(choices)}`;

export const tooManyDividendsText = (count: number): string =>
  `dividends must have at most ${maxDividends} items, not ${count}`;

/** The text for two members of which only one may be sent. `remedy`: default `remove one of them`. */
export const notTogetherText = (one: string, other: string, remedy = 'remove one of them'): string =>
  `${one} and ${other} cannot be sent together: ${remedy}`;

export const notANumberText = ({ name, unit }: Pick<NumberInput, 'name' | 'unit'>, value: unknown): string => {
  // The length comes first: one text of megabytes can stand for all rows of a batch.
  const isNumeric =
    typeof value === 'string' && value.length <= 32 && value.trim() !== '' && Number.isFinite(Number(value));
  const isDate = name === 'time_to_expiry' && typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value);
  const inUnit =
    unit === undefined ? '' : `: send ${unit.name === 'years' ? 'years' : 'a decimal'} such as ${unit.example}`;
  const number = isNumeric ? `: send ${Number(value)} without quotes` : inUnit;
  const remedy = isDate ? ': send it as expiry, with valuation_date' : number;
  return `${name} must be a number, not ${kindOf(value)}${remedy}`;
};

export const rangeText = (input: NumberInput, value: number): string => {
  const text = `${input.name} must be ${rangeOf(input)}, not ${value}`;
  const remedy = value > input.maximum && Number.isFinite(value) ? unitRemedy(input, value) : undefined;
  return remedy === undefined ? text : `${text}; ${remedy}`;
};

export const choiceText = (member: string, choices: readonly string[], value: unknown): string => {
  const near = typeof value === 'string' ? nearestName(value, choices, choiceAliases) : undefined;
  return `${member} must be ${listed(choices)}, not ${kindOf(value)}${didYouMean(near)}`;
};

/** @param given the style that was sent; undefined if the default applies */
export const styleText = (model: Model, given: unknown): string => {
  const style = exerciseStyles.find((known) => known === (given === undefined ? 'european' : given));
  if (style === undefined) return choiceText('exercise_style', exerciseStyles, given);
  const able = modelsWith(({ exerciseStyles: styles }) => styles.includes(style));
  const own = listed(model.exerciseStyles, 'and');
  if (given === undefined) {
    const [other = ''] = model.exerciseStyles;
    return (
      `${model.name} prices ${own} options only, and exercise_style is european by default: ` +
      `send "exercise_style": "${other}", or a model for european options: ${able}`
    );
  }
  return `exercise_style ${style} needs the model ${able}; ${model.name} prices ${own} options only`;
};

/** What the model barrier needs beside one of its members. */
const withBarrier = (model: string, member: string): string => {
  if (model !== 'barrier') return '';
  const level = member === 'barrier' ? '' : ' and barrier (the level)';
  return member === 'barrier_type' ? level : `${level} and barrier_type (${listed(barrierTypes)})`;
};

export const unknownMemberText = (
  member: string,
  model: Model,
  known: readonly string[],
  place: OptionPlace = 'request',
): string => {
  const elsewhere = memberElsewhereText(member, place);
  if (elsewhere !== undefined) return elsewhere;
  const owners = pricingModels.filter(
    ({ numbers, extras }) => numbers.some(({ name }) => name === member) || extras.some((extra) => extra === member),
  );
  if (owners.includes(model)) return `${member} is what this request calculates: remove it`;
  const [owner, ...others] = owners.map(({ name }) => name);
  if (owner !== undefined) {
    const own = Object.hasOwn(pairedInputs, member) ? pairedInputs[member] : undefined;
    if (own !== undefined && model.numbers.some(({ name }) => name === own.other)) {
      const { other, value } = own;
      return `${model.name} takes ${other}, not ${member}: send ${value} as ${other} and remove ${member}, or send "model": "${owner}"`;
    }
    const models = others.length === 0 ? 'model' : 'models';
    const text = `${member} is an input of the ${models} ${listed([owner, ...others], 'and')}, not of ${model.name}`;
    return `${text}: remove it, or send ${others.length === 0 ? `"model": "${owner}"${withBarrier(owner, member)}` : 'a model that has it'}`;
  }
  const near = nearestName(member, known, inputAliases);
  const text = `${quoted(member)} is not an input of ${model.name}`;
  return near === undefined ? `${text}: remove it; the inputs are ${known.join(', ')}` : `${text}${didYouMean(near)}`;
};

/** The text for the name of a column or output that does not exist. */
export const unknownColumnText = (name: string, known: readonly string[]): string => {
  const near = nearestName(name, known, inputAliases);
  const text = `${quoted(name)} is not an input`;
  return near === undefined ? `${text}: remove the column` : `${text}${didYouMean(near)}`;
};

/** Where the outputs are asked for. `greeks` and `grid` return the price or value without being asked. */
export type OutputPlace = 'batch' | 'greeks' | 'grid';

const notAGreekText = (name: string, place: OutputPlace): string => {
  const remedy = `"${name}" is not a greek, and outputs has greeks: send greeks such as ["delta"], or leave outputs out`;
  if (name !== 'price') return `${remedy}; /pricing/batch returns ${name}`;
  const always =
    place === 'grid'
      ? 'the answer always has value, the price times quantity'
      : 'the answer always has the price, and /pricing/price returns it alone';
  return `${remedy}; ${always}`;
};

export const unknownOutputText = (name: unknown, known: readonly string[], place: OutputPlace): string => {
  if (typeof name !== 'string') return `outputs must have names of outputs, not ${kindOf(name)}`;
  if (place !== 'batch' && outputNames.some((output) => output === name)) return notAGreekText(name, place);
  const near = nearestName(name, known, outputAliases);
  const text = `outputs has ${quoted(name)}, which is not an output`;
  return near === undefined ? `${text}; the outputs are ${known.join(', ')}` : `${text}${didYouMean(near)}`;
};

/** @param place where the outputs were asked for: only a batch accepts price and implied_volatility among them */
export const lacksOutputText = (model: Model, output: string, place: OutputPlace = 'batch'): string => {
  const able = modelsWith(({ outputs }) => outputs.some((known) => known === output));
  const accepted: readonly string[] = place === 'batch' ? outputNames : greekNames;
  const own = listed(
    model.outputs.filter((name) => accepted.includes(name)),
    'and',
  );
  return `outputs has ${output}, which ${model.name} does not have: send outputs that it has (${own}), or use the model ${able}`;
};

/** For a request for the implied volatility, which has no `outputs`. */
export const noImpliedVolatilityText = (model: Model): string =>
  `${model.name} has no implied volatility: use the model ${modelsWith(({ outputs }) => outputs.includes('implied_volatility'))}`;

export const notAnArrayOfOutputsText = (value: unknown): string => {
  const isOne = typeof value === 'string' && outputNames.some((output) => output === value);
  const remedy = isOne ? `send ["${value}"]` : 'send an array such as ["delta"]';
  return `outputs must be an array of names, not ${kindOf(value)}: ${remedy}`;
};

export const notAModelText = (value: unknown): string => {
  const kind = typeof value === 'number' ? `the number ${value}` : kindOf(value);
  return `model must be a string, not ${kind}: send one of ${pricingModels.map(({ name }) => name).join(', ')}`;
};

/** The text for the name of a model that does not exist. */
export const unknownModelText = (name: string, names: readonly string[]): string => {
  const near = nearestName(name, names, modelAliases);
  return `There is no model ${quoted(name)}${didYouMean(near) || ';'} ${near === undefined ? 'the' : 'The'} models are ${names.join(', ')}`;
};

export const memberError = (at: string, member: string | number, code: string, detail: string): FieldError => ({
  pointer: memberPointer(at, member),
  code,
  detail,
});
