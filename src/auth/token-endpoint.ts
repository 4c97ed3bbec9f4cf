import { z } from 'zod';
import { AppError, type OAuthError } from '#src/kernel/errors.ts';
import { scopes, type Scope } from '#src/kernel/principal.ts';
import { defineRoute, type Route } from '#src/kernel/route.ts';
import { clientRefused, readClientCredentials } from './client-credentials.ts';
import type { ClientStore } from './clients.ts';
import type { Measure } from './measured.ts';
import type { TokenIssuer } from './token-issuer.ts';

export type TokenEndpointDeps = {
  readonly clients: ClientStore;
  readonly tokens: TokenIssuer;
  readonly measure: Measure;
};

/** A parameter sent without a value counts as not sent (RFC 6749 section 3.2). */
const parameter = z.string().max(1024).optional();

const tokenRequest = z.strictObject({
  grant_type: z.string().min(1).max(128),
  scope: parameter,
  client_id: parameter,
  client_secret: parameter,
});

const tokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  scope: z.string(),
});

/** `POST /auth/token`: OAuth 2.0 client credentials (RFC 6749 section 4.4). */
export const tokenRoute = ({ clients, tokens, measure }: TokenEndpointDeps): Route =>
  defineRoute({
    method: 'POST',
    path: '/auth/token',
    tag: 'auth',
    summary: 'Exchange client credentials for an access token',
    auth: 'public',
    rateLimit: 'ip',
    request: { headers: z.object({ authorization: z.string().optional() }), body: tokenRequest },
    consumes: ['application/x-www-form-urlencoded'],
    errorFormat: 'oauth',
    responses: { 200: tokenAnswer },
    errors: ['oauth_request_invalid', 'client_credentials_invalid', 'auth_service_error'],
    handler: ({ headers, body }) =>
      measure('issue_token', async () => {
        if (body.grant_type !== 'client_credentials') {
          throw refusal('unsupported_grant_type', 'The grant type is not supported');
        }
        const { id, secret } = readClientCredentials({ ...body, authorization: headers.authorization });
        const client = await clients.authenticate(id, secret);
        if (!client) throw clientRefused();
        const token = await tokens.issue({ kind: 'client', subject: client.id }, narrowed(client.scopes, body.scope));
        return {
          status: 200 as const,
          headers: { 'Cache-Control': 'no-store', Pragma: 'no-cache' },
          body: {
            access_token: token.accessToken,
            token_type: 'Bearer' as const,
            expires_in: token.expiresInSeconds,
            scope: token.scope,
          },
        };
      }),
  });

/** The scopes asked for, or all that the client holds when it asks for none. */
const narrowed = (held: readonly Scope[], asked: string | undefined): readonly Scope[] => {
  if (!asked) return held;
  const wanted = new Set(asked.split(' '));
  const granted = scopes.filter((scope) => wanted.has(scope) && held.includes(scope));
  if (granted.length !== wanted.size) throw refusal('invalid_scope', 'The client does not hold each scope asked for');
  return granted;
};

const refusal = (oauthError: OAuthError, detail: string): AppError =>
  new AppError('oauth_request_invalid', detail, { oauthError });
