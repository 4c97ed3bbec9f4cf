import { z } from 'zod';
import type { TokenPair } from './refresh-tokens.ts';
import type { IssuedToken } from './token-issuer.ts';

/** The token response of RFC 6749 section 5.1. Only users get a `refresh_token`. */
export const tokenAnswer = z
  .strictObject({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    scope: z.string(),
    refresh_token: z.string().optional(),
  })
  .meta({ id: 'Token' });

/** Headers of answers that hold a secret. */
export const noStore = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const;

export const toTokenAnswer = (token: IssuedToken | TokenPair) => ({
  access_token: token.accessToken,
  token_type: 'Bearer' as const,
  expires_in: token.expiresInSeconds,
  scope: token.scope,
  ...('refreshToken' in token && { refresh_token: token.refreshToken }),
});
