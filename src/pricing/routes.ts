import type { z } from 'zod';
import type { ErrorCode } from '#src/kernel/errors.ts';
import { defineRoute, type Route } from '#src/kernel/route.ts';
import { exerciseStyles, optionTypes } from './engine.ts';
import { rangeOf } from './inputs.ts';
import { defaultModel, type Model } from './models.ts';
import type { PricingService } from './pricing-service.ts';
import * as schema from './schemas.ts';

const pricingErrors: readonly ErrorCode[] = [
  'pricing_model_unknown',
  'pricing_calculation_failed',
  'pricing_engine_unavailable',
];

const describeModel = (model: Model): z.input<typeof schema.modelsAnswer>['models'][number] => ({
  model: model.name,
  title: model.title,
  inputs: [
    ...model.numbers.map((input) => ({
      name: input.name,
      type: 'number' as const,
      required: input.default === undefined,
      ...(input.default === undefined ? {} : { default: input.default }),
      description: `${input.description}; ${rangeOf(input)}`,
    })),
    { name: 'option_type', type: 'string', required: true, description: optionTypes.join(' or ') },
    {
      name: 'exercise_style',
      type: 'string',
      required: false,
      default: 'european',
      description: exerciseStyles.filter((style) => model.exerciseStyles.includes(style)).join(' or '),
    },
    {
      name: 'model',
      type: 'string',
      required: model.name !== defaultModel,
      ...(model.name === defaultModel ? { default: defaultModel } : {}),
      description: model.name,
    },
  ],
  exercise_styles: [...model.exerciseStyles],
  outputs: [...model.outputs],
  accuracy: model.accuracy,
  source: model.source,
});

export type PricingRoutesDeps = { readonly service: PricingService };

export const createPricingRoutes = ({ service }: PricingRoutesDeps): Route[] => {
  const common = { tag: 'pricing', auth: 'public', rateLimit: 'ip' } as const;
  const models = service.models.map(describeModel);
  return [
    defineRoute({
      ...common,
      method: 'POST',
      path: '/pricing/price',
      summary: 'Price one option',
      request: { body: schema.priceBody(service.models) },
      responses: { 200: schema.priceAnswer },
      errors: pricingErrors,
      handler: async ({ body, context }) => ({ status: 200, body: await service.price(body, context.signal) }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      path: '/pricing/greeks',
      summary: 'Price one option with its greeks',
      request: { body: schema.greeksBody(service.models) },
      responses: { 200: schema.greeksAnswer },
      errors: pricingErrors,
      handler: async ({ body, context }) => ({ status: 200, body: await service.greeks(body, context.signal) }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      path: '/pricing/batch',
      summary: 'Price many options; each bad row is an item of the answer',
      bodyLimit: 'batch',
      request: { body: schema.batchBody(service.models) },
      responses: { 200: schema.batchAnswer },
      errors: [],
      handler: async ({ body, context }) => ({ status: 200, body: await service.batch(body, context.signal) }),
    }),
    defineRoute({
      ...common,
      method: 'GET',
      path: '/pricing/models',
      summary: 'The models, their inputs, exercise styles, outputs and accuracy',
      request: {},
      responses: { 200: schema.modelsAnswer },
      errors: [],
      etag: 'weak',
      handler: async () => ({ status: 200, body: { models } }),
    }),
  ];
};
