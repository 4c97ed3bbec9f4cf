import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { RouteErrorCode } from '#src/kernel/catalogue/errors.ts';
import { resourceQuery } from '#src/kernel/lists/pagination.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { acceptedTransports, transportOf } from './batch/accept.ts';
import { arrowType, jsonType } from './batch/prepared-batch.ts';
import { describeModel } from './models/model-description.ts';
import type { PricingService } from './pricing-service.ts';
import * as answers from './request/answer-schemas.ts';
import * as schema from './request/schemas.ts';
import type { BatchOutcome } from './workers/protocol.ts';

const pricingErrors: readonly RouteErrorCode[] = [
  'pricing_model_unknown',
  'pricing_calculation_failed',
  'pricing_engine_unavailable',
  'pricing_work_too_large',
];

export type PricingRoutesDeps = {
  readonly service: PricingService;
  /** Max nesting of the JSON of a batch. */
  readonly jsonDepth: number;
};

/** An answer of this size or more is sent in pieces. Each piece is sent after the client has read the one before. */
const streamBytes = 131_072;

const batchReply = ({ answer, chunks }: BatchOutcome) => {
  const length = chunks.reduce((sum, { length: bytes }) => sum + bytes, 0);
  const headers = {
    'Content-Type': answer === 'json' ? `${jsonType}; charset=utf-8` : arrowType,
    'Content-Length': String(length),
  };
  const body = length < streamBytes ? Buffer.concat(chunks) : new AnswerPieces(chunks);
  return { body, headers };
};

export const createPricingRoutes = ({ service, jsonDepth }: PricingRoutesDeps): Route[] => {
  const common = { tag: 'pricing', auth: 'public', rateLimit: 'caller' } as const;
  const models = service.models.map(describeModel);
  return [
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/price',
      summary: 'Price one option',
      request: { body: schema.priceBody(service.models) },
      responses: { 200: answers.priceAnswer },
      errors: pricingErrors,
      handler: async ({ body, context }) => ({ status: 200, body: await service.price(body, context.signal) }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/greeks',
      summary: 'Price one option with its greeks',
      request: { body: schema.greeksBody(service.models) },
      responses: { 200: answers.greeksAnswer },
      errors: pricingErrors,
      handler: async ({ body, context }) => ({ status: 200, body: await service.greeks(body, context.signal) }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/implied-volatility',
      summary: 'The volatility at which an option has a given price',
      request: { body: schema.impliedBody(service.models) },
      responses: { 200: answers.impliedAnswer },
      errors: pricingErrors,
      handler: async ({ body, context }) => ({
        status: 200,
        body: await service.impliedVolatility(body, context.signal),
      }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'batch',
      path: '/pricing/batch',
      summary: 'Price many options; each bad row is an item of the answer',
      bodyLimit: 'batch',
      rawBody: true,
      consumes: [jsonType, arrowType],
      produces: [jsonType, arrowType],
      request: { headers: schema.batchHeaders, body: schema.batchBody(service.models) },
      responses: { 200: answers.batchAnswer },
      errors: ['pricing_model_unknown', 'pricing_work_too_large'],
      handler: async ({ body, headers, context }) => {
        const input = transportOf(headers['content-type']);
        const answer = acceptedTransports(headers.accept, input);
        const batch = { bytes: body as Buffer, input, answer, jsonDepth };
        return { status: 200, ...batchReply(await service.batch(batch, { signal: context.signal })) };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/pricing/models',
      summary: 'The models, their inputs, exercise styles, outputs and accuracy',
      request: { query: resourceQuery(answers.modelsAnswer.shape.models.element) },
      responses: { 200: answers.modelsAnswer },
      fields: 'models',
      errors: [],
      etag: 'weak',
      handler: async () => ({ status: 200, body: { models } }),
    }),
  ];
};
