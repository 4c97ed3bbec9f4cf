import { createHash } from 'node:crypto';
import { z } from 'zod';
import { boundedText } from '#src/kernel/requests/texts/bounded-text.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { AccountRefused, badResponse, type GoogleAnswer, type GoogleHttp } from './google-http.ts';
import { calendarScope } from './scopes.ts';

export type GoogleTokens = {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** Absent in a refresh if the refresh token stays the same. */
  readonly refreshToken: string | undefined;
  /** Undefined if Google did not name the scopes. */
  readonly scopes: readonly string[] | undefined;
};

export type GoogleOAuthDeps = {
  readonly http: GoogleHttp;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly authUrl: string;
  readonly tokenUrl: string;
  readonly revokeUrl: string;
};

type ConsentRequest = { readonly state: string; readonly codeVerifier: string; readonly redirectUrl: string };

export type GoogleOAuth = {
  /** The URL of the consent page, with PKCE (RFC 7636, S256). */
  readonly consentUrl: (consent: ConsentRequest) => string;
  /** @throws AppError `calendar_code_invalid`, or of category external_api */
  readonly exchange: (
    code: string,
    consent: Pick<ConsentRequest, 'codeVerifier' | 'redirectUrl'>,
    signal: AbortSignal,
  ) => Promise<GoogleTokens>;
  /** @throws AppError `calendar_reauthorization_required` for `invalid_grant`, or of category external_api */
  readonly refresh: (refreshToken: string, signal: AbortSignal) => Promise<GoogleTokens>;
  /** Resolves also if the token is not valid any more. @throws AppError of category external_api */
  readonly revoke: (token: string, signal: AbortSignal) => Promise<void>;
};

const tokenSchema = z.object({
  access_token: boundedText(8_192).min(1),
  expires_in: z.number().positive().max(31_536_000),
  refresh_token: boundedText(8_192).min(1).optional(),
  scope: boundedText(8_192).optional(),
  token_type: z.string().regex(/^bearer$/i),
});
const refusalSchema = z.object({ error: z.string() });

const refusalOf = ({ body }: GoogleAnswer): string | undefined => refusalSchema.safeParse(body).data?.error;

/** Google has read the request and refuses it. Other answers are faults of Google or of a proxy. */
const isRefusal = (answer: GoogleAnswer): boolean => answer.status >= 400 && refusalOf(answer) !== undefined;

/** Names the client fault, because an operator must correct the configuration. The description of Google is not used. */
const badTokenAnswer = (answer: GoogleAnswer): AppError | AccountRefused => {
  const refusal = refusalOf(answer);
  if (refusal === 'invalid_client' || refusal === 'unauthorized_client') {
    return badResponse(`refused the OAuth client of this service (${refusal})`);
  }
  // The caller can cause it where the URL of the callback follows the header `Host`.
  if (refusal === 'redirect_uri_mismatch') {
    return new AccountRefused(badResponse(`refused the OAuth client of this service (${refusal})`));
  }
  const error = badResponse(`answered the token request with status ${answer.status}`);
  return isRefusal(answer) ? new AccountRefused(error) : error;
};

const tokensOf = (answer: GoogleAnswer): GoogleTokens => {
  if (answer.status !== 200) throw badTokenAnswer(answer);
  const parsed = tokenSchema.safeParse(answer.body);
  // The cause is left out, because an issue of zod can hold a part of the body.
  if (!parsed.success) throw badResponse('answered the token request with a body that does not match its schema');
  const { access_token, expires_in, refresh_token, scope } = parsed.data;
  return {
    accessToken: access_token,
    expiresIn: expires_in,
    refreshToken: refresh_token,
    scopes: scope?.split(' ').filter((each) => each !== ''),
  };
};

/** The OAuth 2.0 endpoints of Google for web server applications. */
export const createGoogleOAuth = (deps: GoogleOAuthDeps): GoogleOAuth => {
  const { http, clientId, clientSecret } = deps;
  const client = { client_id: clientId, client_secret: clientSecret };
  const tokenUrl = new URL(deps.tokenUrl);
  const revokeUrl = new URL(deps.revokeUrl);
  return {
    consentUrl: ({ state, codeVerifier, redirectUrl }) => {
      const url = new URL(deps.authUrl);
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUrl,
        scope: calendarScope,
        state,
        code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
        code_challenge_method: 'S256',
        access_type: 'offline',
        // Without it Google sends a refresh token for the first consent only.
        prompt: 'consent',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },
    exchange: async (code, { codeVerifier, redirectUrl }, signal) => {
      const form = {
        grant_type: 'authorization_code',
        code,
        code_verifier: codeVerifier,
        redirect_uri: redirectUrl,
        ...client,
      };
      const answer = await http.send({ url: tokenUrl, form }, signal);
      if (refusalOf(answer) === 'invalid_grant') {
        throw new AppError('calendar_code_invalid', 'Google refused the code: it has expired, was used, or is foreign');
      }
      return tokensOf(answer);
    },
    refresh: async (refreshToken, signal) => {
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...client };
      const answer = await http.send({ url: tokenUrl, form }, signal);
      if (refusalOf(answer) === 'invalid_grant') throw new AppError('calendar_reauthorization_required');
      return tokensOf(answer);
    },
    revoke: async (token, signal) => {
      const answer = await http.send({ url: revokeUrl, form: { token } }, signal);
      if (answer.status === 200 || refusalOf(answer) === 'invalid_token') return;
      const error = badResponse(`answered the revocation with status ${answer.status}`);
      throw isRefusal(answer) ? new AccountRefused(error) : error;
    },
  };
};
