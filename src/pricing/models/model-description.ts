import type { z } from 'zod';
import { exerciseStyles, optionTypes } from './engine.ts';
import { barrierTypes } from '../engines/exotic/barrier-types.ts';
import { precisions } from '../engines/american/precision.ts';
import { hestonParameters, isRequired, maxDividends, rangeOf } from './inputs.ts';
import { conventionNames, conventionTexts } from '../request/conventions/convention-members.ts';
import { defaultModel, type ExtraInput, type Model } from './models.ts';
import type { modelsAnswer } from '../request/answer-schemas.ts';

type Description = z.input<typeof modelsAnswer>['models'][number];
type InputDescription = Description['inputs'][number];

const extras: Readonly<Record<ExtraInput, InputDescription>> = {
  symbol: {
    name: 'symbol',
    type: 'string',
    required: false,
    description:
      'Symbol of a stored asset: where spot or volatility is absent, its last close and realised volatility stand in, as ' +
      'inputs_from then says (price and greeks; the spot alone for implied volatility)',
  },
  dividends: {
    name: 'dividends',
    type: 'array',
    required: false,
    description:
      `Up to ${maxDividends} of { time, amount } in place of dividend_yield: those paid after now and until expiry count, ` +
      'by the model that dividend_model of the answer names',
  },
  precision: {
    name: 'precision',
    type: 'string',
    required: false,
    default: 'default',
    description: precisions.join(' or '),
  },
  barrier_type: {
    name: 'barrier_type',
    type: 'string',
    required: true,
    description: `${barrierTypes.join(' or ')}: the side of the spot where the barrier is, and what touching it does`,
  },
  heston: {
    name: 'heston',
    type: 'object',
    required: true,
    description: hestonParameters.map((input) => `${input.name}: ${input.description}, ${rangeOf(input)}`).join('; '),
  },
};

const conventions: readonly InputDescription[] = conventionNames.map((name) => ({
  name,
  type: 'string',
  required: false,
  description: conventionTexts[name],
}));

/** What may stand in place of a required input. */
const replacements: Readonly<Record<string, string>> = {
  strike: '; not with contract, which gives it',
  time_to_expiry: '; not with expiry or contract, which give it',
  option_type: '; not with contract, which gives it',
};
const replacementOf = (name: string): string => replacements[name] ?? '';

/** When an option without `model` has this one. */
const choiceOf = ({ name }: Model): string => {
  const bySettings = 'without model where the preset or the settings of the user name it';
  if (name === 'andersen_lake')
    return `; also ${bySettings}, and for American options without model, steps and dividends`;
  if (name === 'binomial_lr') return `; also ${bySettings}, and for American options without model, with steps`;
  if (name === 'finite_difference')
    return `; also ${bySettings}, and for American options without model and steps, with dividends`;
  return name === defaultModel ? '' : `; also ${bySettings}`;
};

/** The description of a model in `GET /pricing/models`. */
export const describeModel = (model: Model): Description => ({
  model: model.name,
  title: model.title,
  inputs: [
    ...model.numbers.map((input) => ({
      name: input.name,
      type: 'number' as const,
      required: isRequired(input),
      ...(input.default === undefined ? {} : { default: input.default }),
      description: `${input.description}; ${rangeOf(input)}${replacementOf(input.name)}`,
    })),
    ...model.extras.map((extra) => extras[extra]),
    ...conventions,
    {
      name: 'option_type',
      type: 'string',
      required: true,
      description: `${optionTypes.join(' or ')}${replacementOf('option_type')}`,
    },
    {
      name: 'exercise_style',
      type: 'string',
      ...(model.exerciseStyles.includes('european') ? { required: false, default: 'european' } : { required: true }),
      description: exerciseStyles.filter((style) => model.exerciseStyles.includes(style)).join(' or '),
    },
    {
      name: 'model',
      type: 'string',
      required: model.name !== defaultModel,
      ...(model.name === defaultModel ? { default: defaultModel } : {}),
      description: `${model.name}${choiceOf(model)}`,
    },
  ],
  exercise_styles: [...model.exerciseStyles],
  outputs: [...model.outputs],
  accuracy: model.accuracy,
  source: model.source,
});
