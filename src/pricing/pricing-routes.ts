import { AnswerPieces } from '#src/kernel/answer-pieces.ts';
import type { RouteErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import { resourceQuery } from '#src/kernel/lists/pagination.ts';
import { preferHeader } from '#src/kernel/requests/preferences/display-hints.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { acceptedTransports, transportOf } from './batch/accept.ts';
import { arrowType, jsonType } from './batch/prepared-batch.ts';
import { gridAnswer, gridBody } from './grid/grid-schemas.ts';
import { describeModel } from './models/model-description.ts';
import type { PricingService } from './pricing-service.ts';
import * as answers from './request/answer-schemas.ts';
import { batchBody, batchHeaders } from './request/body-schemas/batch-body.ts';
import { greeksBody, impliedBody, priceBody } from './request/body-schemas/single-bodies.ts';
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
  /** Returns the headers that tell the caller how the user wants to see prices, if `Prefer` asks for them. */
  readonly display: (prefer: string | undefined) => Promise<Readonly<Record<string, string>>>;
};

/** An answer of this size or more is sent in pieces. Each piece is sent after the client has read the one before. */
const streamBytes = 131_072;

const batchReply = ({ answer, chunks }: BatchOutcome) => {
  const length = chunks.reduce((sum, { length: bytes }) => sum + bytes, 0);
  const headers = {
    'Content-Type': answer === 'json' ? `${jsonType}; charset=utf-8` : arrowType,
    'Content-Length': String(length),
  };
  if (length >= streamBytes) return { body: new AnswerPieces(chunks), headers };
  const [first] = chunks;
  if (first === undefined || chunks.length > 1) return { body: Buffer.concat(chunks), headers };
  return { body: Buffer.from(first.buffer, first.byteOffset, first.byteLength), headers };
};

export const createPricingRoutes = ({ service, jsonDepth, display }: PricingRoutesDeps): Route[] => {
  const common = { tag: 'Pricing', auth: 'optional', rateLimit: 'caller' } as const;
  const models = service.models.map(describeModel);
  return [
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/price',
      summary: 'Price one option',
      description:
        'With `symbol`, the last stored close and the realised volatility stand in for an absent `spot` and `volatility`. ' +
        '`expiry` and `valuation_date` stand in place of `time_to_expiry`; `contract`, an OCC symbol, gives strike, expiry ' +
        'and type. An American option without a model has one chosen, and `model` of the answer says which.',
      request: { headers: preferHeader, body: priceBody(service.models) },
      responses: { 200: answers.priceAnswer },
      errors: pricingErrors,
      handler: async ({ body, headers, context }) => ({
        status: 200,
        headers: await display(headers.prefer),
        body: await service.price(body, context),
      }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/greeks',
      summary: 'Price one option with its greeks',
      description:
        'Greeks are per 1.00 of spot, volatility and rate, and per year. `outputs` picks them; without it the answer has ' +
        'delta, gamma, vega, theta, rho and dividend_rho.',
      request: { headers: preferHeader, body: greeksBody(service.models) },
      responses: { 200: answers.greeksAnswer },
      errors: pricingErrors,
      handler: async ({ body, headers, context }) => ({
        status: 200,
        headers: await display(headers.prefer),
        body: await service.greeks(body, context),
      }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'pricing',
      path: '/pricing/implied-volatility',
      summary: 'The volatility at which an option has a given price',
      request: { headers: preferHeader, body: impliedBody(service.models) },
      responses: { 200: answers.impliedAnswer },
      errors: pricingErrors,
      handler: async ({ body, headers, context }) => ({
        status: 200,
        headers: await display(headers.prefer),
        body: await service.impliedVolatility(body, context),
      }),
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'batch',
      path: '/pricing/batch',
      summary: 'Price many options',
      description:
        'Rows as objects, columns, or an Arrow stream; up to 100,000 rows. A bad row is an item of the answer. A mistake of ' +
        'the request as a whole is refused with 422. Arrow columns have the names and types of `BatchColumns`; `outputs` is ' +
        'the schema metadata `volwatch.outputs`.',
      bodyLimit: 'batch',
      rawBody: true,
      consumes: [jsonType, arrowType],
      produces: [jsonType, arrowType],
      request: { headers: batchHeaders.extend(preferHeader.shape), body: batchBody(service.models) },
      responses: { 200: answers.batchAnswer },
      errors: ['pricing_model_unknown', 'pricing_work_too_large'],
      handler: async ({ body, headers, context }) => {
        const input = transportOf(headers['content-type']);
        const answer = acceptedTransports(headers.accept, input);
        const batch = { bytes: body as ByteBlocks, input, answer, jsonDepth };
        const hints = await display(headers.prefer);
        const { body: priced, headers: own } = batchReply(await service.batch(batch, { signal: context.signal }));
        return { status: 200, body: priced, headers: { ...hints, ...own } };
      },
    }),
    defineRoute({
      ...common,
      method: 'POST',
      load: 'batch',
      path: '/pricing/grid',
      summary: 'Value positions over shifts of spot, volatility and days',
      description:
        'Value and greeks of each position at each node, times its quantity, and the totals of each node; positions times ' +
        'nodes are at most 100,000. The answer is JSON columns, or with `Accept` an Arrow stream, in which the totals are ' +
        'the rows without a `position`.',
      bodyLimit: 'batch',
      rawBody: true,
      produces: [jsonType, arrowType],
      request: { headers: batchHeaders.extend(preferHeader.shape), body: gridBody(service.models) },
      responses: { 200: gridAnswer },
      errors: ['pricing_model_unknown', 'pricing_work_too_large'],
      handler: async ({ body, headers, context }) => {
        const request = { bytes: body as ByteBlocks, answer: acceptedTransports(headers.accept, 'json'), jsonDepth };
        const hints = await display(headers.prefer);
        const { body: valued, headers: own } = batchReply(await service.grid(request, { signal: context.signal }));
        return { status: 200, body: valued, headers: { ...hints, ...own } };
      },
    }),
    defineRoute({
      ...common,
      method: 'GET',
      load: 'read',
      path: '/pricing/models',
      summary: 'The pricing models',
      description: 'Each with its inputs, exercise styles, outputs and accuracy.',
      request: { query: resourceQuery(answers.modelsAnswer.shape.models.element) },
      responses: { 200: answers.modelsAnswer },
      fields: 'models',
      errors: [],
      etag: 'weak',
      handler: async () => ({ status: 200, body: { models } }),
    }),
  ];
};
