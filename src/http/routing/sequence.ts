import type { HttpMiddleware } from './types.ts';

/**
 * One middleware that runs the steps in order. @koa/router composes the middleware of a route again for each request, and
 * the time of that grows with the square of their number.
 */
export const sequence = (steps: readonly HttpMiddleware[]): HttpMiddleware =>
  steps.reduceRight<HttpMiddleware>(
    (rest, step) => (ctx, next) => step(ctx, () => rest(ctx, next) as Promise<void>),
    (_, next) => next(),
  );
