import { exchanges } from '#src/kernel/trading-days/exchanges.ts';
import { barrierTypes } from '../../engines/exotic/barrier-types.ts';
import { precisions } from '../../engines/american/precision.ts';
import {
  dividendMembers,
  hestonParameters,
  isRequired,
  maxDividends,
  optionPrice,
  optionTypeSchema,
  schemaOf,
  steps,
  type NumberInput,
} from '../../models/inputs.ts';
import { defaultModel, type ExtraInput, type Model } from '../../models/models.ts';
import { exerciseStyles } from '../../models/engine.ts';
import {
  conventionTexts,
  dayCounts,
  defaultCalendar,
  defaultDayCount,
  givenByContract,
  type ConventionName,
} from '../conventions/convention-members.ts';
import { SYMBOL } from '../read-extras.ts';
import { invertedNumbers } from '../read-option.ts';
import { referTo, type Definitions, type JsonSchema } from './json-schema.ts';

const objectSchema = (members: readonly NumberInput[]): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: members.map(({ name }) => name),
  properties: Object.fromEntries(members.map((member) => [member.name, schemaOf(member)])),
});

const plainDividend = objectSchema(dividendMembers);
const dividendSchema: JsonSchema = {
  ...plainDividend,
  description: 'Paid at a time in years, or on a date',
  required: ['amount'],
  properties: {
    ...(plainDividend['properties'] as object),
    date: { type: 'string', description: 'Date or instant of the payment, in place of time' },
  },
  not: {
    anyOf: [{ required: ['time', 'date'] }, { not: { anyOf: [{ required: ['time'] }, { required: ['date'] }] } }],
  },
};

/** The named parts of options. */
export const optionParts: Definitions = {
  OptionType: optionTypeSchema,
  BarrierType: {
    type: 'string',
    enum: barrierTypes,
    description: 'The side of the spot where the barrier is, and whether touching it starts or ends the option',
  },
  HestonParameters: objectSchema(hestonParameters),
  Dividend: dividendSchema,
  BusinessCalendar: {
    type: 'string',
    enum: exchanges,
    default: defaultCalendar,
    description: conventionTexts.calendar,
  },
  DayCount: { type: 'string', enum: dayCounts, default: defaultDayCount, description: conventionTexts.day_count },
};

const extraSchemas: Readonly<Record<ExtraInput, JsonSchema>> = {
  symbol: {
    type: 'string',
    pattern: SYMBOL.source,
    description: 'Symbol of the underlying; of a single option it gives spot and volatility where they are absent',
  },
  precision: { type: 'string', enum: precisions, default: 'default' },
  barrier_type: referTo('BarrierType'),
  heston: referTo('HestonParameters'),
  dividends: {
    type: 'array',
    maxItems: maxDividends,
    items: referTo('Dividend'),
    description:
      'Discrete dividends in place of dividend_yield; dividend_model of the answer says how they lower the spot',
  },
};

/** Extra inputs without a default. */
const requiredExtras: ReadonlySet<ExtraInput> = new Set(['heston', 'barrier_type']);

/** What an option is for. It decides which numbers are needed. */
export type Purpose = 'price' | 'implied_volatility' | 'row';

type Numbers = {
  readonly inputs: readonly NumberInput[];
  readonly required: readonly string[];
  /** A rule between members. Code generators ignore it, and validators do not. */
  readonly rule?: JsonSchema;
  /** Members that exclude each other. */
  readonly exclusive?: readonly string[];
};

/** An object that has these members. */
const having = (...members: readonly string[]): JsonSchema => ({ required: members });

const anyOf = (schemas: readonly JsonSchema[]): JsonSchema => (schemas.length > 1 ? { anyOf: schemas } : schemas[0]!);

/** The inputs that the symbol of a single option can replace. */
const fromSymbol: ReadonlySet<string> = new Set(['spot', 'volatility']);

const numbersOfSingle = (model: Model, inputs: readonly NumberInput[]): Numbers => {
  const required = inputs.filter(isRequired).map(({ name }) => name);
  const replaceable = model.extras.includes('symbol') ? required.filter((name) => fromSymbol.has(name)) : [];
  return {
    inputs,
    required: required.filter((name) => !replaceable.includes(name)),
    ...(replaceable.length > 0 && { rule: { if: having('symbol'), else: having(...replaceable) } }),
  };
};

/** In a row, `price` in place of the volatility asks for the implied volatility. A symbol replaces nothing there. */
const numbersOfRow = (model: Model): Numbers => {
  const required = model.numbers.filter(isRequired).map(({ name }) => name);
  if (!model.outputs.includes('implied_volatility')) return { inputs: model.numbers, required };
  const price = { ...optionPrice, description: 'In place of the volatility, for the output implied_volatility' };
  const always = required.filter((name) => name !== 'volatility');
  return {
    inputs: [...model.numbers, price],
    required: always,
    rule: { if: having('price'), else: having('volatility') },
    exclusive: ['price', 'volatility'],
  };
};

const numbersFor = (model: Model, purpose: Purpose): Numbers => {
  if (purpose === 'row') return numbersOfRow(model);
  return numbersOfSingle(model, purpose === 'price' ? model.numbers : invertedNumbers(model));
};

const { default: _, ...schemaOfSteps } = schemaOf(steps);
const yieldOrDividends: readonly string[] = ['dividends', 'dividend_yield'];

/** Inputs that a contract or an expiry may stand in place of. */
const replaced: ReadonlySet<string> = new Set(['option_type', 'strike', 'time_to_expiry']);

const conventionSchemas: Readonly<Record<ConventionName, JsonSchema>> = {
  contract: { type: 'string', description: conventionTexts.contract, examples: ['AAPL  240621C00190000'] },
  expiry: { type: 'string', description: conventionTexts.expiry, examples: ['2026-12-18'] },
  valuation_date: { type: 'string', description: conventionTexts.valuation_date, examples: ['2026-11-26'] },
  day_count: referTo('DayCount'),
  calendar: referTo('BusinessCalendar'),
};

/** An object that has none of these members. */
const lacking = (...members: readonly string[]): JsonSchema => ({
  not: anyOf(members.map((member) => having(member))),
});

/** Combinations of dates, contracts and the inputs that they stand in place of that are refused. */
const refusedConventions: readonly JsonSchema[] = [
  lacking('time_to_expiry', 'expiry', 'contract'),
  lacking('strike', 'contract'),
  lacking('option_type', 'contract'),
  having('expiry', 'time_to_expiry'),
  ...givenByContract.map((name) => having('contract', name)),
];

/** The members of American options without a model. They decide which model is chosen. */
const ofChosenModels: readonly JsonSchema[] = [
  having('precision', 'steps'),
  having('precision', 'dividends'),
  // An absent style is European. A pattern, because openapi-generator refers to an `enum` here without declaring it.
  {
    anyOf: [having('precision'), having('steps')],
    properties: { exercise_style: { type: 'string', pattern: '^european$' } },
  },
];

/** @param named whether the option names its model. Without a name it has the default model. */
const optionSchema = (model: Model, purpose: Purpose, members: JsonSchema, named: boolean): JsonSchema => {
  const { inputs, required, rule, exclusive } = numbersFor(model, purpose);
  const isEuropean = model.exerciseStyles.includes('european');
  const styles = named ? model.exerciseStyles : exerciseStyles;
  const pairs = [...(exclusive ? [exclusive] : []), ...(model.extras.includes('dividends') ? [yieldOrDividends] : [])];
  return {
    description: named
      ? model.title
      : `European by ${model.name}, American by andersen_lake, with steps by binomial_lr, with dividends by finite_difference`,
    type: 'object',
    additionalProperties: false,
    required: [
      ...(named ? ['model'] : []),
      ...(isEuropean ? [] : ['exercise_style']),
      ...required.filter((name) => !replaced.has(name)),
      ...model.extras.filter((extra) => requiredExtras.has(extra)),
    ],
    properties: {
      ...(named ? { model: { type: 'string', enum: [model.name] } } : {}),
      option_type: referTo('OptionType'),
      exercise_style: { type: 'string', enum: styles, ...(isEuropean ? { default: 'european' } : {}) },
      ...Object.fromEntries(inputs.map((input) => [input.name, schemaOf(input)])),
      ...Object.fromEntries(model.extras.map((extra) => [extra, extraSchemas[extra]])),
      ...(named ? {} : { steps: schemaOfSteps, precision: extraSchemas.precision }),
      ...conventionSchemas,
      ...members,
    },
    ...rule,
    dependentRequired: { expiry: ['valuation_date'], contract: ['valuation_date'] },
    not: anyOf([...pairs.map((pair) => having(...pair)), ...refusedConventions, ...(named ? [] : ofChosenModels)]),
  };
};

/** `black_scholes` -> `BlackScholes`. */
const titled = (name: string): string => name.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * A named schema for each model, one for options without a model, and the schema `suffix` that takes any of them. The
 * discriminator covers only those with a model, because it must be a required member.
 */
export const optionsByModel = (
  models: readonly Model[],
  { suffix, purpose, members }: { readonly suffix: string; readonly purpose: Purpose; readonly members: JsonSchema },
): { readonly any: JsonSchema; readonly definitions: Definitions } => {
  const nameOf = ({ name }: Model): string => titled(name) + suffix;
  const byDefault = models.find(({ name }) => name === defaultModel)!;
  const byModel = Object.fromEntries(
    models.map((model) => [nameOf(model), optionSchema(model, purpose, members, true)]),
  );
  return {
    any: { oneOf: [referTo(`Default${suffix}`), referTo(`Model${suffix}`)] },
    definitions: {
      ...byModel,
      [`Default${suffix}`]: optionSchema(byDefault, purpose, members, false),
      [`Model${suffix}`]: {
        oneOf: models.map((model) => referTo(nameOf(model))),
        discriminator: {
          propertyName: 'model',
          mapping: Object.fromEntries(models.map((model) => [model.name, `#/$defs/${nameOf(model)}`])),
        },
      },
    },
  };
};
