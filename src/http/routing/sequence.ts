import type { HttpMiddleware } from './types.ts';

/**
 * One middleware that runs the steps in order. @koa/router composes the middleware of a route again for each request, and
 * the time of that grows with the square of their number. As in Koa, a step that calls `next` a second time gets an error.
 */
export const sequence = (steps: readonly HttpMiddleware[]): HttpMiddleware =>
  steps.reduceRight<HttpMiddleware>(
    (rest, step) => (ctx, next) => {
      let isCalled = false;
      return step(ctx, () => {
        if (isCalled) return Promise.reject(new Error('next() called multiple times'));
        isCalled = true;
        return rest(ctx, next) as Promise<void>;
      });
    },
    (_, next) => next(),
  );
