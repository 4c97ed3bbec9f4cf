import type { Route } from '#src/kernel/requests/route.ts';
import type { Json } from './json.ts';

const text = (description: string): Json => ({ description, schema: { type: 'string' } });

/** The headers of answers, to which operations refer. */
const headerComponents: Json = {
  RequestId: text('The X-Request-ID of the caller, else a new UUIDv7'),
  TraceId: text('The trace of this request, 32 hexadecimal digits'),
  ServerTiming: text('Duration in milliseconds: total, and the measured parts'),
  RateLimit: text('Remaining quota: `"policy";r=REMAINING;t=SECONDS` (draft-ietf-httpapi-ratelimit-headers-10)'),
  RateLimitPolicy: text('The limit: `"policy";q=QUOTA;w=SECONDS`. The policy is named after the kind of caller'),
  RetryAfter: { description: 'Seconds after which a retry may succeed', schema: { type: 'integer' } },
  WwwAuthenticate: text('How to authenticate, and what was wrong with the credentials'),
  ETag: text('Entity tag for If-None-Match'),
  Location: text('Address of the created resource, or of the next step'),
  Deprecation: text('The day from which the route is deprecated, as `@` and Unix seconds (RFC 9745)'),
  Sunset: text('The day from which the route can be missing, as an HTTP date (RFC 8594)'),
  Link: text('The route to use in its place (`successor-version`), and its documentation (`deprecation`)'),
};

const addressOf = (name: string): string => `#/components/headers/${name}`;

export const headerRef = (name: string): Json => ({ $ref: addressOf(name) });

/** The headers that a document refers to. @param document as JSON */
export const usedHeaders = (document: string): Json =>
  Object.fromEntries(Object.entries(headerComponents).filter(([name]) => document.includes(`"${addressOf(name)}"`)));

export const usualHeaders = ({ rateLimit, deprecated }: Pick<Route, 'rateLimit' | 'deprecated'>): Json => ({
  'X-Request-ID': headerRef('RequestId'),
  'X-Trace-ID': headerRef('TraceId'),
  'Server-Timing': headerRef('ServerTiming'),
  ...(rateLimit !== 'none' && { RateLimit: headerRef('RateLimit'), 'RateLimit-Policy': headerRef('RateLimitPolicy') }),
  ...(deprecated && { Deprecation: headerRef('Deprecation'), Sunset: headerRef('Sunset'), Link: headerRef('Link') }),
});
