import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { clientRefused, readClientCredentials, type ClientAuthentication } from '../clients/client-credentials.ts';
import type { Client, ClientStore } from '../clients/clients.ts';
import type { Measure } from '../measured.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import { narrowed } from '../scopes.ts';
import { noStore, toTokenAnswer, tokenAnswer } from './token-answer.ts';
import type { TokenIssuer } from './token-issuer.ts';

export type TokenEndpointDeps = {
  readonly clients: ClientStore;
  readonly tokens: TokenIssuer;
  readonly refreshTokens: RefreshTokens;
  readonly measure: Measure;
};

/** A parameter without a value counts as absent (RFC 6749 section 3.2). */
const parameter = boundedText(1024).optional();

/** Unknown parameters are ignored (RFC 6749 section 3.2), such as `resource` or `audience` of other servers. */
const tokenRequest = z
  .object({
    grant_type: z.string().min(1, 'grant_type is required: client_credentials or refresh_token'),
    scope: parameter,
    refresh_token: parameter,
    client_id: parameter,
    client_secret: parameter,
  })
  .meta({ id: 'TokenRequest' });

/**
 * Authenticates the client of a request.
 * @throws AppError `client_credentials_invalid`, `oauth_request_invalid`, and the codes of the store
 */
export const authenticateClient = async (clients: ClientStore, credentials: ClientAuthentication): Promise<Client> => {
  const client = await clients.authenticate(readClientCredentials(credentials));
  if (!client) throw clientRefused();
  return client;
};

/**
 * Whether a request has client credentials. Refresh and revocation by a user need none, but credentials that are sent must
 * be valid. A bearer token, which some HTTP libraries add, and a `client_id` without a secret are not client credentials.
 */
export const hasClientCredentials = ({ authorization = '', client_secret }: ClientAuthentication): boolean =>
  /^basic\b/i.test(authorization.trim()) || Boolean(client_secret);

const invalidRequest = (oauthError: 'invalid_request' | 'unsupported_grant_type', detail: string): AppError =>
  new AppError('oauth_request_invalid', detail, { oauthError });

/** `POST /auth/token`: OAuth 2.0 client credentials (RFC 6749 section 4.4) and refresh (section 6). */
export const tokenRoute = ({ clients, tokens, refreshTokens, measure }: TokenEndpointDeps): Route =>
  defineRoute({
    method: 'POST',
    load: 'none',
    path: '/auth/token',
    tag: 'Authentication',
    summary: 'Exchange client credentials or a refresh token for an access token',
    auth: 'public',
    rateLimit: 'caller',
    request: { headers: z.object({ authorization: z.string().optional() }), body: tokenRequest },
    consumes: ['application/x-www-form-urlencoded'],
    errorFormat: 'oauth',
    responses: { 200: tokenAnswer },
    errors: ['client_credentials_invalid', 'quota_exceeded', 'auth_service_error', 'overloaded'],
    handler: async ({ headers, body }) => {
      const credentials = { ...body, authorization: headers.authorization };

      const forClient = () =>
        measure('issue_token', async () => {
          const client = await authenticateClient(clients, credentials);
          return tokens.prepare({ kind: 'client', subject: client.id }, narrowed(client.scopes, body.scope)).sign();
        });

      const forUser = () =>
        measure('refresh', async () => {
          if (hasClientCredentials(credentials)) await authenticateClient(clients, credentials);
          if (!body.refresh_token) throw invalidRequest('invalid_request', 'refresh_token is missing');
          return refreshTokens.rotate(body.refresh_token, body.scope);
        });

      const grants = new Map([
        ['client_credentials', forClient],
        ['refresh_token', forUser],
      ]);
      const grant = grants.get(body.grant_type);
      if (!grant)
        throw invalidRequest('unsupported_grant_type', 'grant_type must be client_credentials or refresh_token');
      return { status: 200 as const, headers: noStore, body: toTokenAnswer(await grant()) };
    },
  });
