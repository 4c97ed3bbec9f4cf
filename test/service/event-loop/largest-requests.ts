import type { HostileRequest } from '../inputs/hostile-request.ts';
import { storedJob } from './large-data.ts';
import * as bodies from './largest-bodies.ts';

/** What is sent to a route beside its documented request: each function changes that. */
export type Largest = {
  readonly requests: readonly ((good: HostileRequest) => HostileRequest)[];
  /** A bound of its own. The reason is in docs/decisions/0271. */
  readonly boundMs?: number;
  /** The effect of the request cannot be repeated, so the first measurement decides. */
  readonly once?: true;
  /** Why the service refuses the largest request. Each other one must be accepted, because a refusal does little work. */
  readonly refused?: string;
};

type Change = Largest['requests'][number];

const query =
  (names: Readonly<Record<string, string>>): Change =>
  (good) => {
    const [path = '', given] = good.target.split('?');
    return {
      ...good,
      target: `${path}?${String(new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(given)), ...names }))}`,
    };
  };
const path =
  (target: string, headers: Readonly<Record<string, string>> = {}): Change =>
  (good) => ({ ...good, target, headers: { ...good.headers, ...headers } });
const body =
  (make: () => string | Buffer, headers: Readonly<Record<string, string>> = {}, target?: string): Change =>
  (good) => ({ target: target ?? good.target, headers: { ...good.headers, ...headers }, body: make() });

/** Neither the request nor the answer has a part that can grow, beyond what each request can have (`fullRequests`). */
const fixed: Largest = { requests: [] };
const refused = (why: string): Largest => ({ requests: [], refused: why });
/** The longest page. */
const page: Largest = { requests: [query({ limit: '1000' })] };
/** As `fixed`, and the request cannot be repeated. */
const single: Largest = { requests: [], once: true };

const api = '/api/v1';
const csv = { accept: 'text/csv' };
const arrow = { accept: bodies.arrowType };
const sendsArrow = { 'Content-Type': bodies.arrowType };
const series = (target: string): Largest => ({ requests: [path(target), path(target, csv), path(target, arrow)] });
const symbols = Array.from({ length: 100 }, (_, asset) => `S${asset + 1}`).join(',');

/**
 * The largest allowed input of each route. A list is read with its longest page over the rows of `large-data.ts`.
 * A new route needs an entry here.
 */
export const largestRequests: Readonly<Record<string, Largest>> = {
  'GET /': fixed,
  'GET /health': fixed,
  'GET /health/live': fixed,
  'GET /health/ready': fixed,
  'GET /health/serving': fixed,
  'GET /openapi.json': fixed,
  'GET /docs': fixed,
  'GET /docs/openapi.json': fixed,
  'GET /docs/start.js': fixed,
  'GET /docs/style.css': fixed,
  'GET /docs/swagger-ui-bundle.js': fixed,
  'GET /docs/swagger-ui.css': fixed,
  'GET /docs/favicon-32x32.png': fixed,
  'GET /problems': fixed,
  'GET /problems/{code}': fixed,
  'GET /.well-known/jwks.json': fixed,
  'GET /.well-known/oauth-authorization-server': fixed,

  'POST /api/v1/pricing/price': { requests: bodies.slowOptions.map((row) => body(row)) },
  'POST /api/v1/pricing/greeks': { requests: bodies.slowGreeks.map((row) => body(row)) },
  'POST /api/v1/pricing/implied-volatility': { requests: bodies.slowInversions.map((row) => body(row)) },
  'POST /api/v1/pricing/batch': {
    boundMs: 13,
    requests: [
      body(bodies.objects),
      body(bodies.columns),
      body(bodies.smallBatch),
      body(bodies.slowSmallBatch),
      body(bodies.arrowRows, { ...sendsArrow, ...arrow }),
      body(bodies.arrowRows, { ...sendsArrow, accept: 'application/json' }),
    ],
  },
  'POST /api/v1/pricing/grid': {
    boundMs: 13,
    requests: [body(bodies.grid), body(bodies.grid, arrow), body(bodies.paddedGrid)],
  },
  'POST /api/v1/pricing/calibrate': { requests: [body(bodies.quotes)] },
  'GET /api/v1/pricing/models': fixed,
  'POST /api/v1/pricing/jobs': fixed,
  'PUT /api/v1/pricing/jobs/{id}/chunks/{number}': {
    boundMs: 13,
    // Chunk 1 exists, with other rows.
    requests: [(good) => ({ ...good, target: good.target.replace(/1$/, '2'), body: bodies.arrowChunk() })],
    once: true,
  },
  'POST /api/v1/pricing/jobs/{id}/submit': single,
  'GET /api/v1/pricing/jobs/{id}': { requests: [path(`${api}/pricing/jobs/${storedJob}`)] },
  'GET /api/v1/pricing/jobs/{id}/chunks/{number}': {
    boundMs: 13,
    requests: [path(`${api}/pricing/jobs/${storedJob}/chunks/1`)],
  },
  'DELETE /api/v1/pricing/jobs/{id}': single,
  'POST /api/v1/ml/volatility-forecast': { requests: bodies.forecasts.map((row) => body(row)) },

  'GET /api/v1/assets': page,
  'GET /api/v1/assets/{symbol}': fixed,
  'GET /api/v1/assets/{symbol}/prices': series(`${api}/assets/LONG/prices?limit=1000`),
  'GET /api/v1/prices': series(`${api}/prices?limit=1000&symbols=${symbols}`),
  'GET /api/v1/indexes': page,
  'GET /api/v1/indexes/{code}': { requests: [path(`${api}/indexes/EW`)] },
  'GET /api/v1/indexes/{code}/values': series(`${api}/indexes/INDEX1/values?limit=1000`),
  'GET /api/v1/indexes/{code}/explain': {
    requests: ['EW', 'PW', 'CW', 'FW'].map((code) => path(`${api}/indexes/${code}/explain`)),
  },
  'POST /api/v1/refreshes': { requests: [body(bodies.refresh, { Prefer: 'wait=20' })] },
  'GET /api/v1/refreshes': page,
  'GET /api/v1/refreshes/{id}': fixed,
  'GET /api/v1/refreshes/{id}/quarantined-prices': page,
  'GET /api/v1/universes': page,
  'GET /api/v1/universes/{name}': { requests: [path(`${api}/universes/large`)] },
  'GET /api/v1/universes/{name}/status': { requests: [path(`${api}/universes/large/status`)] },
  'PUT /api/v1/universes/{name}': { requests: bodies.universes.map((make) => body(make)) },
  'DELETE /api/v1/universes/{name}': { requests: [path(`${api}/universes/large`)], once: true },
  'POST /api/v1/universes/{name}/prices': {
    boundMs: 13,
    requests: (['csv', 'ndjson', 'form'] as const).map((format) => {
      const { type, make } = bodies.uploads[format];
      return body(make, { 'Content-Type': type, Prefer: 'wait=30' }, `${api}/universes/large/prices`);
    }),
  },

  'POST /api/v1/auth/token': fixed,
  'POST /api/v1/auth/revoke': fixed,
  'POST /api/v1/auth/register': { requests: [body(bodies.longPassword)] },
  'POST /api/v1/auth/login': { requests: [body(bodies.longPassword)] },
  'POST /api/v1/auth/login/second-factor': refused('the code is made by an authenticator'),
  'POST /api/v1/auth/logout': single,
  'GET /api/v1/auth/me': fixed,
  'GET /api/v1/profile': fixed,
  'PATCH /api/v1/profile': fixed,
  'GET /api/v1/settings': fixed,
  'PATCH /api/v1/settings': fixed,
  'GET /api/v1/settings/presets': fixed,
  'GET /api/v1/settings/presets/{name}': fixed,
  'PUT /api/v1/settings/presets/{name}': fixed,
  'DELETE /api/v1/settings/presets/{name}': single,
  'GET /api/v1/account/export': fixed,
  'DELETE /api/v1/account': refused('a right password would end the session of the caller, which other requests need'),
  'POST /api/v1/account/password': refused(
    'a right password would end the session of the caller, which other requests need',
  ),
  'POST /api/v1/account/password-reset': fixed,
  'PUT /api/v1/account/password-reset': refused('the token is in a message'),
  'POST /api/v1/account/email': refused(
    'a right password would end the session of the caller, which other requests need',
  ),
  'PUT /api/v1/account/email': refused('the token is in a message'),
  'GET /api/v1/account/totp': fixed,
  'POST /api/v1/account/totp': fixed,
  'PUT /api/v1/account/totp': refused('the code is made by an authenticator'),
  'DELETE /api/v1/account/totp': single,
  'GET /api/v1/account/sessions': page,
  'DELETE /api/v1/account/sessions/{id}': single,
  'DELETE /api/v1/account/sessions': single,
  'GET /api/v1/api-keys': page,
  'POST /api/v1/api-keys': fixed,
  'PATCH /api/v1/api-keys/{id}': fixed,
  'POST /api/v1/api-keys/{id}/rotate': fixed,
  'DELETE /api/v1/api-keys/{id}': single,
  'GET /api/v1/webhooks': page,
  'POST /api/v1/webhooks': fixed,
  'GET /api/v1/webhooks/{id}': fixed,
  'POST /api/v1/webhooks/{id}/test': refused('the stored deliveries are more than the quota of test events allows'),
  'GET /api/v1/webhooks/{id}/deliveries': page,
  'POST /api/v1/webhooks/{id}/rotate': fixed,
  'DELETE /api/v1/webhooks/{id}': single,
  'GET /api/v1/audit/events': page,
  'GET /api/v1/users': page,
  'GET /api/v1/users/{id}': fixed,
  'PATCH /api/v1/users/{id}': fixed,
  'POST /api/v1/users/{id}/sessions/revoke': fixed,

  'GET /api/v1/calendar/connect': fixed,
  'GET /api/v1/calendar/callback': refused('the state is of a consent in a browser'),
  'GET /api/v1/calendar/connection': fixed,
  'DELETE /api/v1/calendar/connection': single,
  'POST /api/v1/calendar/sync/auto': single,
  'GET /api/v1/calendar/events': page,
  'GET /api/v1/assets/{symbol}/events': { requests: [path(`${api}/assets/AAPL/events?limit=1000`)] },
};
