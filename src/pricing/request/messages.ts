import type { FieldError } from '#src/kernel/catalogue/errors.ts';
import { memberPointer } from '#src/kernel/json-pointer.ts';
import { listed, nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import type { NumberInput } from '../models/inputs.ts';
import { rangeOf } from '../models/inputs.ts';
import { pricingModels, type Model } from '../models/models.ts';
import { outputNames } from '../models/outputs.ts';
import { exerciseStyles } from '../models/engine.ts';

/** Texts of the refusals of a pricing request. Each names the field, what is wrong, and the remedy. */

/** Usual names for inputs in other libraries, in lower case without separators. */
const inputAliases: Readonly<Record<string, string>> = {
  s: 'spot',
  s0: 'spot',
  underlying: 'spot',
  underlyingprice: 'spot',
  price0: 'spot',
  stockprice: 'spot',
  f: 'forward',
  k: 'strike',
  x: 'strike',
  strikeprice: 'strike',
  t: 'time_to_expiry',
  tau: 'time_to_expiry',
  tte: 'time_to_expiry',
  ttm: 'time_to_expiry',
  maturity: 'time_to_expiry',
  timetomaturity: 'time_to_expiry',
  yearstoexpiry: 'time_to_expiry',
  expiration: 'expiry',
  expirationdate: 'expiry',
  expirydate: 'expiry',
  maturitydate: 'expiry',
  valuationdate: 'valuation_date',
  asof: 'valuation_date',
  daycounter: 'day_count',
  daycountconvention: 'day_count',
  occ: 'contract',
  occsymbol: 'contract',
  contractsymbol: 'contract',
  optionsymbol: 'contract',
  r: 'rate',
  interestrate: 'rate',
  riskfreerate: 'rate',
  v: 'volatility',
  vol: 'volatility',
  sigma: 'volatility',
  iv: 'volatility',
  impliedvolatility: 'volatility',
  q: 'dividend_yield',
  dividend: 'dividend_yield',
  divyield: 'dividend_yield',
  type: 'option_type',
  flag: 'option_type',
  right: 'option_type',
  callput: 'option_type',
  putcall: 'option_type',
  style: 'exercise_style',
  exercise: 'exercise_style',
  premium: 'price',
  optionprice: 'price',
  marketprice: 'price',
  n: 'steps',
  h: 'barrier',
  barrierlevel: 'barrier',
  level: 'barrier',
  barriertype: 'barrier_type',
  knocktype: 'barrier_type',
  barrierkind: 'barrier_type',
  payout: 'cash',
  cashpayoff: 'cash',
  cashamount: 'cash',
  ticker: 'symbol',
};
const modelAliases: Readonly<Record<string, string>> = {
  bs: 'black_scholes',
  bsm: 'black_scholes',
  blackscholesmerton: 'black_scholes',
  black: 'black76',
  b76: 'black76',
  normal: 'bachelier',
  binomial: 'binomial_lr',
  crr: 'binomial_lr',
  leisenreimer: 'binomial_lr',
  tree: 'binomial_lr',
  fd: 'finite_difference',
  pde: 'finite_difference',
  cranknicolson: 'finite_difference',
  finitedifferences: 'finite_difference',
  baroneadesiwhaley: 'baw',
  american: 'andersen_lake',
  barrieroption: 'barrier',
  knockout: 'barrier',
  knockin: 'barrier',
  digital: 'cash_or_nothing',
  binary: 'cash_or_nothing',
};
const outputAliases: Readonly<Record<string, string>> = {
  value: 'price',
  premium: 'price',
  npv: 'price',
  nu: 'vega',
  kappa: 'vega',
  vomma: 'volga',
  iv: 'implied_volatility',
  impliedvol: 'implied_volatility',
  epsilon: 'dividend_rho',
  psi: 'dividend_rho',
  deltadecay: 'charm',
};
const choiceAliases: Readonly<Record<string, string>> = {
  c: 'call',
  calls: 'call',
  p: 'put',
  puts: 'put',
  a: 'american',
  am: 'american',
  e: 'european',
  eu: 'european',
  di: 'down_in',
  do: 'down_out',
  ui: 'up_in',
  uo: 'up_out',
  downandin: 'down_in',
  downandout: 'down_out',
  upandin: 'up_in',
  upandout: 'up_out',
};

/** Members of other operations, by what a caller must do to use them. */
const otherOperations: Readonly<Record<string, string>> = {
  outputs: 'outputs is a member of /pricing/greeks and /pricing/batch: post to one of them, or remove it',
  options: 'options is a member of /pricing/batch: post to it, or send one option',
  columns: 'columns is a member of /pricing/batch: post to it, or send one option',
  price:
    'price is an input of /pricing/implied-volatility, and of a batch with the output implied_volatility: remove it here',
};

/** Inputs of which a model has one. */
const pairedInputs: Readonly<Record<string, string | undefined>> = { spot: 'forward', forward: 'spot' };

const didYouMean = (near: string | undefined): string => (near === undefined ? '' : `; did you mean ${near}?`);

export const kindOf = (value: unknown): string => {
  if (typeof value === 'string') return `the text ${quoted(value)}`;
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

export const requiredText = ({
  name,
  description,
  unit,
}: Pick<NumberInput, 'name' | 'description' | 'unit'>): string => {
  if (unit?.name === 'decimal') return `${name} is required: send a decimal per year, such as ${unit.example}`;
  if (unit !== undefined && name === 'time_to_expiry') {
    return `${name} is required: send years, such as ${unit.example}, or send expiry and valuation_date`;
  }
  return `${name} is required: ${description[0]!.toLowerCase()}${description.slice(1)}`;
};

export const notANumberText = ({ name, unit }: Pick<NumberInput, 'name' | 'unit'>, value: unknown): string => {
  const isNumeric = typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value));
  const isDate = name === 'time_to_expiry' && typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value);
  const inUnit =
    unit === undefined ? '' : `: send ${unit.name === 'years' ? 'years' : 'a decimal'} such as ${unit.example}`;
  const number = isNumeric && value.length <= 32 ? `: send ${Number(value)} without quotes` : inUnit;
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

export const unknownMemberText = (member: string, model: Model, known: readonly string[]): string => {
  const other = Object.hasOwn(otherOperations, member) ? otherOperations[member] : undefined;
  if (other !== undefined) return other;
  const owners = pricingModels.filter(
    ({ numbers, extras }) => numbers.some(({ name }) => name === member) || extras.some((extra) => extra === member),
  );
  if (owners.includes(model)) return `${member} is what this request calculates: remove it`;
  const [owner, ...others] = owners.map(({ name }) => name);
  if (owner !== undefined) {
    const own = pairedInputs[member];
    if (own !== undefined && model.numbers.some(({ name }) => name === own)) {
      return `${model.name} takes ${own}, not ${member}: send ${own} in place of ${member}, or use the model ${owner}`;
    }
    const models = others.length === 0 ? 'model' : 'models';
    const text = `${member} is an input of the ${models} ${listed([owner, ...others], 'and')}, not of ${model.name}`;
    return `${text}: remove it, or send ${others.length === 0 ? `"model": "${owner}"` : 'a model that has it'}`;
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

export const unknownOutputText = (name: unknown, known: readonly string[]): string => {
  if (typeof name !== 'string') return `outputs must have names of outputs, not ${kindOf(name)}`;
  if (known !== outputNames && outputNames.some((output) => output === name)) {
    const operations = name === 'price' ? '/pricing/price or /pricing/batch' : '/pricing/batch';
    return `outputs of this operation cannot have ${name}: remove it, or post to ${operations}`;
  }
  const near = nearestName(name, known, outputAliases);
  const text = `outputs has ${quoted(name)}, which is not an output`;
  return near === undefined ? `${text}; the outputs are ${known.join(', ')}` : `${text}${didYouMean(near)}`;
};

export const lacksOutputText = (model: Model, output: string): string => {
  const able = modelsWith(({ outputs }) => outputs.some((known) => known === output));
  return `outputs has ${output}, which ${model.name} does not have: remove it, or use the model ${able}`;
};

export const notAnArrayOfOutputsText = (value: unknown): string => {
  const isOne = typeof value === 'string' && outputNames.some((output) => output === value);
  const remedy = isOne ? `send ["${value}"]` : 'send an array such as ["delta"]';
  return `outputs must be an array of names, not ${kindOf(value)}: ${remedy}`;
};

export const notAModelText = (value: unknown): string => {
  const kind = typeof value === 'number' ? `the number ${value}` : kindOf(value);
  return `model must be a text, not ${kind}: send one of ${pricingModels.map(({ name }) => name).join(', ')}`;
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
