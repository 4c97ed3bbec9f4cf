import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { AppError, errorTable } from '#src/kernel/catalogue/errors.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { defineRoute, type Route } from '#src/kernel/requests/route.ts';
import type { UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ClientAuthentication } from '../clients/client-credentials.ts';
import { clientRefused } from '../clients/client-credentials.ts';
import type { ClientStore } from '../clients/clients.ts';
import type { Measure } from '../measured.ts';
import type { ResolveLegacyUser } from '../users/legacy-users.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import type { Revocations } from './revocations.ts';
import { noStore } from './token-answer.ts';
import { authenticateClient, hasClientCredentials } from './token-endpoint.ts';
import type { TokenVerifier } from './token-verifier.ts';

export type RevocationEndpointDeps = {
  readonly clients: ClientStore;
  readonly verifier: TokenVerifier;
  readonly resolveLegacyUser: ResolveLegacyUser;
  readonly refreshTokens: RefreshTokens;
  readonly revocations: Revocations;
  readonly unitOfWork: UnitOfWork;
  readonly audit: AuditTrail;
  readonly measure: Measure;
};

/** Unknown parameters are ignored (RFC 6749 section 3.2). A token of any length is an unknown token at worst. */
const revocationRequest = z
  .object({
    token: z.string().min(1, 'token is required: send a string'),
    /** Accepted but not used, because the form of a token shows its type. */
    token_type_hint: z.string().optional(),
    client_id: boundedText(1024).optional(),
    client_secret: boundedText(1024).optional(),
  })
  .meta({ id: 'RevocationRequest' });

/**
 * `POST /auth/revoke` (RFC 7009). A refresh token is revoked with its family, an access token alone. The answer is 200 also
 * for an unknown or ended token, as RFC 7009 demands. A token of a client needs the credentials of the client. A token of
 * a user needs no further credentials.
 */
export const revocationRoute = (deps: RevocationEndpointDeps): Route => {
  const { clients, verifier, resolveLegacyUser, refreshTokens, revocations, unitOfWork, audit, measure } = deps;

  /** @returns undefined for an invalid token @throws AppError of a dependency */
  const readAccessToken = async (token: string): Promise<Principal | undefined> => {
    try {
      // The event belongs to the account, whose id can be another one than that of the earlier system.
      return await resolveLegacyUser(await verifier.inspect(token));
    } catch (error) {
      if (error instanceof AppError && errorTable[error.code].category === 'authentication') return undefined;
      throw error;
    }
  };

  const revokeAccessToken = async (principal: Principal, client: string | undefined): Promise<void> => {
    const { kind, subject, tokenId, tokenExpiresAt } = principal;
    if (kind === 'client' && client === undefined) throw clientRefused();
    if (client !== undefined && kind === 'client' && client !== subject) {
      throw new AppError('oauth_request_invalid', 'The token was issued to another client', {
        oauthError: 'unauthorized_client',
      });
    }
    if (tokenId === undefined || tokenExpiresAt === undefined) return;
    const ended = [{ id: tokenId, expiresAt: new Date(tokenExpiresAt * 1000) }];
    await unitOfWork.run({ operation: 'auth.revoke' }, async (transaction) => {
      if (!(await revocations.record(transaction, ended))) return;
      await audit.record(transaction, {
        stream: kind === 'client' ? `session:${subject}` : `user:${subject}`,
        action: 'token.revoked',
        outcome: 'success',
        actor: { kind, subject },
        target: tokenId,
      });
    });
    revocations.announce(ended);
  };

  const revoke = async (token: string, credentials: ClientAuthentication): Promise<void> => {
    const client = hasClientCredentials(credentials) ? await authenticateClient(clients, credentials) : undefined;
    if (await refreshTokens.end(token)) return;
    const principal = await readAccessToken(token);
    if (principal) await revokeAccessToken(principal, client?.id);
  };

  return defineRoute({
    method: 'POST',
    load: 'none',
    path: '/auth/revoke',
    tag: 'Authentication',
    summary: 'Revoke an access token, or a refresh token with its family',
    auth: 'public',
    rateLimit: 'caller',
    request: { headers: z.object({ authorization: z.string().optional() }), body: revocationRequest },
    consumes: ['application/x-www-form-urlencoded'],
    errorFormat: 'oauth',
    responses: { 200: z.strictObject({}).meta({ id: 'Revoked', description: 'No members' }) },
    errors: ['client_credentials_invalid', 'auth_service_error', 'overloaded'],
    handler: async ({ headers, body }) => {
      await measure('revoke', () => revoke(body.token, { ...body, authorization: headers.authorization }));
      return { status: 200 as const, body: {}, headers: noStore };
    },
  });
};
