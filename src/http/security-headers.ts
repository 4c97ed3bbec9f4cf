import type { HttpMiddleware } from './types.ts';

const hstsSeconds = 365 * 24 * 60 * 60;

/** No inline script or style anywhere, no other origin; the docs page needs `data:` images. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The headers that every answer has, the HTTP parser's own refusals included. */
export const securityHeaders = (production: boolean): readonly (readonly [string, string])[] => [
  ['Content-Security-Policy', contentSecurityPolicy],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ...(production ? [['Strict-Transport-Security', `max-age=${hstsSeconds}; includeSubDomains`] as const] : []),
];

const exposed = 'X-Request-ID, X-Trace-ID, Retry-After, RateLimit, RateLimit-Policy, ETag, Location, Server-Timing';
const requestHeaders =
  'Authorization, Content-Type, X-API-Key, X-CSRF-Token, X-Request-ID, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent, tracestate';
const preflightSeconds = '600';

type Options = { readonly production: boolean; readonly corsOrigins: readonly string[] };

/** Security headers, and CORS for the listed origins only, with credentials. */
export const headersMiddleware = ({ production, corsOrigins }: Options): HttpMiddleware => {
  const fixed = securityHeaders(production);
  const allowed = new Set(corsOrigins);

  return (ctx, next) => {
    const { req, res } = ctx;
    for (const [name, value] of fixed) res.setHeader(name, value);
    if (allowed.size > 0) {
      res.appendHeader('Vary', 'Origin');
      const { origin } = req.headers;
      if (origin !== undefined && allowed.has(origin)) {
        res.setHeader('Access-Control-Allow-Origin', origin);
        res.setHeader('Access-Control-Allow-Credentials', 'true');
        res.setHeader('Access-Control-Expose-Headers', exposed);
        const { match } = ctx.state;
        if (req.method === 'OPTIONS' && match.kind !== 'none') {
          res.setHeader('Access-Control-Allow-Methods', match.allow);
          res.setHeader('Access-Control-Allow-Headers', requestHeaders);
          res.setHeader('Access-Control-Max-Age', preflightSeconds);
        }
      }
    }
    return next();
  };
};
