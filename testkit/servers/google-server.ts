import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { faultOf, reply, send, spoil, type GoogleFault, type Reply } from './google-faults.ts';

/** An event in the format of the Google Calendar API. */
export type WireEvent = { id: string; status?: string } & Record<string, unknown>;

export type GoogleEndpoint = 'token' | 'revoke' | 'events';
type GoogleCall = {
  readonly endpoint: GoogleEndpoint;
  /** Unix milliseconds. */
  readonly at: number;
  readonly form: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
};

export type GoogleServer = {
  readonly url: string;
  /** Settings of a service that uses this server. */
  readonly environment: Readonly<Record<string, string>>;
  readonly calls: GoogleCall[];
  readonly callsOf: (endpoint: GoogleEndpoint) => number;
  faults: Partial<Record<GoogleEndpoint, GoogleFault>>;
  /** Forgets all tokens, events and calls, and ends all faults. */
  readonly reset: () => void;
  /** Stores an event; with `status: 'cancelled'` it is removed from the calendar. */
  readonly put: (event: WireEvent) => void;
  /** Events of one page. */
  pageSize: number;
  /** Each refresh also returns a new refresh token, and the previous one ends. */
  rotates: boolean;
  expiresInSeconds: number;
  grantedScopes: string;
  /** Ends all refresh tokens, as a user does in the account settings. */
  readonly endConsents: () => void;
  /** Ends all access tokens. */
  readonly endAccessTokens: () => void;
  /** Makes all sync tokens too old. */
  readonly expireSyncTokens: () => void;
  readonly liveRefreshTokens: () => readonly string[];
  /** Every token that was ever issued, for searches in logs and dumps. */
  readonly issued: readonly string[];
  /** Answers for the user on the consent page. @returns the URL that Google sends the browser to */
  readonly consent: (location: string, answer?: 'allow' | 'deny') => URL;
};

const clientId = 'volwatch-test.apps.example';
const clientSecret = 'canary-google-secret-3f7a';
const scope = 'https://www.googleapis.com/auth/calendar.events.readonly';
const account = 'owner.of.calendar@example.org';

const readForm = async (request: IncomingMessage): Promise<Record<string, string>> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
};

const oauthError = (status: number, error: string): Reply =>
  reply(status, { error, error_description: 'Described by the fake' });
const apiError = (status: number, reason: string): Reply =>
  reply(status, { error: { code: status, message: reason, errors: [{ domain: 'usageLimits', reason }] } });

/** The answer of the API for a spent quota. */
export const quotaSpent = { kind: 'status', status: 403, body: apiError(403, 'rateLimitExceeded').body } as const;

const defaults = { pageSize: 250, rotates: false, expiresInSeconds: 3_600, grantedScopes: scope };

/** The grants of the token endpoint. */
const createGrants = (server: () => GoogleServer) => {
  const codes = new Map<string, { readonly challenge: string; readonly redirectUrl: string }>();
  const refreshTokens = new Set<string>();
  const accessTokens = new Map<string, number>();
  const issued: string[] = [];
  const issue = (kind: string): string => {
    const token = `canary-google-${kind}-${randomUUID()}`;
    issued.push(token);
    return token;
  };
  const tokens = (refreshToken: string | undefined): Reply => {
    const accessToken = issue('access');
    accessTokens.set(accessToken, Date.now() + server().expiresInSeconds * 1_000);
    return reply(200, {
      access_token: accessToken,
      expires_in: server().expiresInSeconds,
      scope: server().grantedScopes,
      token_type: 'Bearer',
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    });
  };
  const newRefreshToken = (): string => {
    const token = issue('refresh');
    refreshTokens.add(token);
    return token;
  };
  return {
    codes,
    refreshTokens,
    accessTokens,
    issued,
    issue,
    grant: (form: Readonly<Record<string, string>>): Reply => {
      if (form['client_id'] !== clientId || form['client_secret'] !== clientSecret)
        return oauthError(401, 'invalid_client');
      if (form['grant_type'] === 'authorization_code') {
        const code = codes.get(form['code'] ?? '');
        codes.delete(form['code'] ?? '');
        const challenge = createHash('sha256')
          .update(form['code_verifier'] ?? '')
          .digest('base64url');
        if (!code || code.challenge !== challenge || code.redirectUrl !== form['redirect_uri']) {
          return oauthError(400, 'invalid_grant');
        }
        return tokens(newRefreshToken());
      }
      if (form['grant_type'] !== 'refresh_token') return oauthError(400, 'unsupported_grant_type');
      const used = form['refresh_token'] ?? '';
      if (!refreshTokens.has(used)) return oauthError(400, 'invalid_grant');
      if (!server().rotates) return tokens(undefined);
      refreshTokens.delete(used);
      return tokens(newRefreshToken());
    },
    revoke: (form: Readonly<Record<string, string>>): Reply => {
      const known = refreshTokens.delete(form['token'] ?? '');
      if (known) accessTokens.clear();
      return known ? reply(200, {}) : oauthError(400, 'invalid_token');
    },
  };
};

/** `events.list` with pages and sync tokens. A sync token is a position in the list of changes. */
const createCalendar = (server: () => GoogleServer) => {
  let changes: WireEvent[] = [];
  let etag = 0;
  let oldest = 0;
  const latest = (from: number): WireEvent[] => {
    const byId = new Map(changes.slice(from).map((event) => [event.id, event]));
    return [...byId.values()];
  };
  return {
    put: (event: WireEvent): void => {
      etag += 1;
      changes.push({ etag: `"${etag}"`, status: 'confirmed', ...event });
    },
    expire: (): void => {
      oldest = changes.length + 1;
      changes = latest(0).filter(({ status }) => status !== 'cancelled');
      // Positions stay larger than the tokens that were given out.
      while (changes.length < oldest) changes.push(changes[0] ?? { id: 'none', status: 'cancelled' });
    },
    clear: (): void => {
      changes = [];
      oldest = 0;
    },
    page: (query: URLSearchParams): Reply => {
      const syncToken = query.get('syncToken');
      const from = syncToken === null ? 0 : Number(syncToken.replace('sync-', ''));
      if (syncToken !== null && query.has('timeMax')) return apiError(400, 'badRequest');
      if (syncToken !== null && from < oldest) return apiError(410, 'fullSyncRequired');
      const all = latest(from).filter(({ status }) => syncToken !== null || status !== 'cancelled');
      const start = Number(query.get('pageToken')?.replace('page-', '') ?? 0);
      const end = start + Math.min(server().pageSize, Number(query.get('maxResults') ?? 250));
      return reply(200, {
        kind: 'calendar#events',
        summary: account,
        timeZone: 'Europe/Berlin',
        items: all
          .slice(start, end)
          .map((event) => (event.status === 'cancelled' ? { id: event.id, status: 'cancelled' } : event)),
        ...(end < all.length ? { nextPageToken: `page-${end}` } : { nextSyncToken: `sync-${changes.length}` }),
      });
    },
  };
};

/** A server with the token, revocation and events endpoints of Google. A test sets `faults` to make them fail. */
export const startGoogleServer = async (t: {
  readonly teardown: (end: () => unknown) => void;
}): Promise<GoogleServer> => {
  const grants = createGrants(() => server);
  const calendar = createCalendar(() => server);
  const calls: GoogleCall[] = [];

  const answer = (endpoint: GoogleEndpoint, request: IncomingMessage, call: GoogleCall): Reply => {
    if (endpoint === 'token') return grants.grant(call.form);
    if (endpoint === 'revoke') return grants.revoke(call.form);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if ((grants.accessTokens.get(token) ?? 0) <= Date.now()) return apiError(401, 'authError');
    return calendar.page(call.query);
  };

  const endpoints: Readonly<Record<string, GoogleEndpoint>> = {
    'POST /token': 'token',
    'POST /revoke': 'revoke',
    'GET /calendar/v3/calendars/primary/events': 'events',
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const endpoint = endpoints[`${request.method} ${url.pathname}`];
    if (!endpoint && url.pathname === '/auth') {
      response.writeHead(302, { Location: server.consent(url.href).href }).end();
      return;
    }
    if (!endpoint) return send(response, apiError(404, 'notFound'));
    const call = { endpoint, at: Date.now(), form: await readForm(request), query: url.searchParams };
    calls.push(call);
    const spoiled = await spoil(faultOf(server.faults[endpoint], call.query), response, () =>
      answer(endpoint, request, call),
    );
    if (spoiled && !response.destroyed) send(response, spoiled.reply, spoiled.headers);
  };
  const listener = createServer((request, response) => {
    response.on('error', () => {});
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    listener.closeAllConnections();
    listener.close();
  });
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const server: GoogleServer = {
    url,
    environment: {
      GOOGLE_CLIENT_ID: clientId,
      GOOGLE_CLIENT_SECRET: clientSecret,
      GOOGLE_AUTH_URL: `${url}/auth`,
      GOOGLE_TOKEN_URL: `${url}/token`,
      GOOGLE_REVOKE_URL: `${url}/revoke`,
      GOOGLE_CALENDAR_BASE_URL: `${url}/calendar/v3`,
      TOKEN_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    },
    calls,
    callsOf: (endpoint) => calls.filter((call) => call.endpoint === endpoint).length,
    faults: {},
    reset: () => {
      for (const kept of [grants.codes, grants.refreshTokens, grants.accessTokens]) kept.clear();
      calls.length = 0;
      calendar.clear();
      Object.assign(server, { faults: {}, ...defaults });
    },
    put: calendar.put,
    ...defaults,
    endConsents: () => grants.refreshTokens.clear(),
    endAccessTokens: () => grants.accessTokens.clear(),
    expireSyncTokens: calendar.expire,
    liveRefreshTokens: () => [...grants.refreshTokens],
    issued: grants.issued,
    consent: (location, given = 'allow') => {
      const asked = new URL(location).searchParams;
      const back = new URL(asked.get('redirect_uri') ?? '');
      back.searchParams.set('state', asked.get('state') ?? '');
      if (given === 'deny') back.searchParams.set('error', 'access_denied');
      else {
        const code = grants.issue('code');
        grants.codes.set(code, {
          challenge: asked.get('code_challenge') ?? '',
          redirectUrl: asked.get('redirect_uri') ?? '',
        });
        back.searchParams.set('code', code);
        back.searchParams.set('scope', server.grantedScopes);
      }
      return back;
    },
  };
  return server;
};
