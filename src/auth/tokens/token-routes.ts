import { z } from 'zod';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { scopes, tokenFormats } from '#src/kernel/requests/principal.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import { sessionTokenFrom } from '../sessions/cookies.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Sessions } from '../sessions/session.ts';

const caller = z
  .object({
    subject: z.string(),
    kind: z.enum(['client', 'user', 'api_key']),
    email: z.string().optional(),
    role: z.string().optional(),
    scopes: z.array(z.enum(scopes)),
    token_format: z.enum(tokenFormats).optional(),
    csrf_token: z.string().optional().describe('Only for cookie sessions, so that a page has it after a reload'),
  })
  .meta({ id: 'CallerIdentity' });

/** `GET /auth/me`: the principal of the caller. */
export const meRoute = ({ csrfToken }: Pick<Sessions, 'csrfToken'>): Route =>
  defineRoute({
    method: 'GET',
    load: 'none',
    path: '/auth/me',
    tag: 'Authentication',
    summary: 'Who the caller is',
    auth: 'authenticated',
    rateLimit: 'caller',
    request: { headers: z.object({ cookie: z.string().optional() }) },
    responses: { 200: caller },
    errors: [],
    handler: async ({ headers, context: { principal } }) => {
      if (!principal) throw new AppError('auth_service_error');
      const { subject, kind, email, role, scopes, tokenFormat, sessionId } = principal;
      const session = sessionId === undefined ? undefined : sessionTokenFrom(headers);
      return {
        status: 200 as const,
        headers: { 'Cache-Control': 'no-store' },
        body: {
          subject,
          kind,
          ...(email !== undefined && { email }),
          ...(role !== undefined && { role }),
          scopes: [...scopes],
          ...(tokenFormat !== undefined && { token_format: tokenFormat }),
          ...(session !== undefined && { csrf_token: csrfToken(session) }),
        },
      };
    },
  });

/** Keys change only at a deployment. Clients see a rotated key after five minutes. */
const publicMetadata = { 'Cache-Control': 'public, max-age=300' };

const keySet = z
  .object({
    keys: z.array(
      z
        .object({
          kty: z.string(),
          kid: z.string(),
          use: z.literal('sig'),
          alg: z.enum(['RS256', 'EdDSA']),
          n: z.string().optional(),
          e: z.string().optional(),
          crv: z.string().optional(),
          x: z.string().optional(),
        })
        .meta({ id: 'JsonWebKey' }),
    ),
  })
  .meta({ id: 'JsonWebKeySet' });

/** `GET /.well-known/jwks.json` (RFC 7517): the public keys of the ring. */
export const keySetRoute = (keyRing: KeyRing): Route =>
  defineRoute({
    method: 'GET',
    load: 'none',
    path: '/.well-known/jwks.json',
    atRoot: true,
    tag: 'Authentication',
    summary: 'The keys that verify access tokens',
    auth: 'public',
    rateLimit: 'caller',
    request: {},
    responses: { 200: keySet },
    errors: [],
    etag: 'weak',
    handler: async () => ({ status: 200 as const, headers: publicMetadata, body: { keys: [...keyRing.jwks.keys] } }),
  });

const metadata = z
  .object({
    issuer: z.string(),
    token_endpoint: z.string(),
    revocation_endpoint: z.string(),
    jwks_uri: z.string(),
    scopes_supported: z.array(z.enum(scopes)),
    response_types_supported: z.array(z.string()),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
  })
  .meta({ id: 'AuthorizationServerMetadata' });

/** `none` is for refresh and revocation by users. */
const authMethods = ['client_secret_basic', 'client_secret_post', 'none'];

/**
 * `GET /.well-known/oauth-authorization-server` (RFC 8414). The issuer is the URL of this service, because a client refuses
 * metadata whose issuer is not the URL that it asked. It lists no response types, because there is no authorization
 * endpoint.
 * @param publicUrl without a slash at its end
 */
export const metadataRoute = (publicUrl: () => string): Route =>
  defineRoute({
    method: 'GET',
    load: 'none',
    path: '/.well-known/oauth-authorization-server',
    atRoot: true,
    tag: 'Authentication',
    summary: 'Authorization server metadata',
    auth: 'public',
    rateLimit: 'caller',
    request: {},
    responses: { 200: metadata },
    errors: [],
    etag: 'weak',
    handler: async () => ({
      status: 200 as const,
      headers: publicMetadata,
      body: {
        issuer: publicUrl(),
        token_endpoint: `${publicUrl()}/api/v1/auth/token`,
        revocation_endpoint: `${publicUrl()}/api/v1/auth/revoke`,
        jwks_uri: `${publicUrl()}/.well-known/jwks.json`,
        scopes_supported: [...scopes],
        response_types_supported: [],
        grant_types_supported: ['client_credentials', 'refresh_token'],
        token_endpoint_auth_methods_supported: authMethods,
        revocation_endpoint_auth_methods_supported: authMethods,
      },
    }),
  });
