import type { HttpMiddleware } from '../routing/types.ts';

const exposedHeaders =
  'X-Request-ID, X-Trace-ID, Retry-After, RateLimit, RateLimit-Policy, ETag, Location, Server-Timing, Deprecation, Sunset, Link';
const requestHeaders =
  'Authorization, Content-Type, X-API-Key, X-CSRF-Token, X-Request-ID, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent, tracestate';
const preflightSeconds = '600';
/** Allows each origin, without credentials. The configuration refuses it in production. */
const anyOrigin = '*';

/** CORS with credentials for the listed origins. It runs before the other steps, so that errors have the headers too. */
export const cors = (origins: readonly string[]): HttpMiddleware => {
  const allowed = new Set(origins);

  return (ctx, next) => {
    const { req, res } = ctx;
    const { origin } = req.headers;
    if (allowed.size > 0) res.appendHeader('Vary', 'Origin');
    const isListed = origin !== undefined && allowed.has(origin);
    if (origin !== undefined && (isListed || allowed.has(anyOrigin))) {
      res.setHeader('Access-Control-Allow-Origin', isListed ? origin : anyOrigin);
      if (isListed) res.setHeader('Access-Control-Allow-Credentials', 'true');
      res.setHeader('Access-Control-Expose-Headers', exposedHeaders);
      const { match } = ctx.state;
      if (req.method === 'OPTIONS' && match.kind !== 'none') {
        res.setHeader('Access-Control-Allow-Methods', match.allow);
        res.setHeader('Access-Control-Allow-Headers', requestHeaders);
        res.setHeader('Access-Control-Max-Age', preflightSeconds);
      }
    }
    return next();
  };
};
