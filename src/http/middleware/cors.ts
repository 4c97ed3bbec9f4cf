import type { HttpMiddleware } from '../routing/types.ts';

const exposed = 'X-Request-ID, X-Trace-ID, Retry-After, RateLimit, RateLimit-Policy, ETag, Location, Server-Timing';
const requestHeaders =
  'Authorization, Content-Type, X-API-Key, X-CSRF-Token, X-Request-ID, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent, tracestate';
const preflightSeconds = '600';
/** Outside production only, and without credentials. */
const anyone = '*';

/** CORS for the listed origins, with credentials. Set before anything can fail, so errors and refusals have it too. */
export const cors = (origins: readonly string[]): HttpMiddleware => {
  const allowed = new Set(origins);

  return async (ctx, next) => {
    const { req, res } = ctx;
    const { origin } = req.headers;
    if (allowed.size > 0) res.appendHeader('Vary', 'Origin');
    const listed = origin !== undefined && allowed.has(origin);
    if (origin !== undefined && (listed || allowed.has(anyone))) {
      res.setHeader('Access-Control-Allow-Origin', listed ? origin : anyone);
      if (listed) res.setHeader('Access-Control-Allow-Credentials', 'true');
      res.setHeader('Access-Control-Expose-Headers', exposed);
      const { match } = ctx.state;
      if (req.method === 'OPTIONS' && match.kind !== 'none') {
        res.setHeader('Access-Control-Allow-Methods', match.allow);
        res.setHeader('Access-Control-Allow-Headers', requestHeaders);
        res.setHeader('Access-Control-Max-Age', preflightSeconds);
      }
    }
    await next();
  };
};
