import {
  legacyOmissions,
  scopes,
  type LegacyOmission,
  type LegacyShape,
  type Principal,
  type Scope,
  type TokenFormat,
} from '#src/kernel/requests/principal.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import type { JsonObject } from './strict-json.ts';
import { tokenRefused } from './token-refusal.ts';

export type ClaimRules = {
  readonly issuer: string;
  readonly formerIssuers: readonly string[];
  readonly audience: string;
  /** Max difference between the clocks of issuer and verifier. */
  readonly clockToleranceSeconds: number;
};

export type ClaimedToken = {
  readonly principal: Principal;
  readonly format: TokenFormat;
  /** Only of a legacy token. */
  readonly shape?: LegacyShape;
  /** What a legacy token lacks and other tokens have. */
  readonly lacks: readonly LegacyOmission[];
};

/** The claims that this service reads; others are ignored. */
type Claims = Partial<Record<(typeof stringClaims)[number], string>> &
  Partial<Record<(typeof dateClaims)[number], number>> & {
    readonly aud?: string | readonly string[];
    /** `true` only in a token of a user with fewer scopes than the user held at its issue. */
    readonly narrowed?: unknown;
  };

const stringClaims = ['iss', 'sub', 'jti', 'scope', 'email', 'role', 'id', 'client_id'] as const;
const dateClaims = ['iat', 'nbf', 'exp'] as const;

/** The max time of a Date, in seconds. A later NumericDate is refused. */
const maxSeconds = 8.64e12;
/** In UTF-8. PostgreSQL refuses a row of an index above 2,700 bytes, and some have two of these claims. */
const maxClaimBytes = 1024;

const required = {
  client: ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'scope'],
  enhanced: ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'scope', 'email', 'role'],
  legacy: ['iss', 'aud', 'sub', 'exp', 'id', 'role'],
} as const satisfies Record<TokenFormat, readonly (keyof Claims)[]>;

/**
 * Checks the claims of a token with a valid signature, in this order: types, token type, presence, issuer, audience,
 * `nbf` and `iat`, `exp`.
 * @param type `typ` of the header
 * @param nowSeconds Unix time
 * @throws AppError `token_malformed`, `token_type_invalid`, `token_claim_missing`, `token_issuer_mismatch`,
 * `token_audience_mismatch`, `token_not_yet_valid`, `token_expired`
 */
export const claimedToken = (
  payload: JsonObject,
  type: string | undefined,
  rules: ClaimRules,
  nowSeconds: number,
): ClaimedToken => {
  const isAccessToken = typeName(type) === 'at+jwt';
  const claims = typedClaims(isAccessToken ? payload : withTextIds(payload));
  const format = formatOf(claims, isAccessToken);
  if (!typeFits(type, format)) throw tokenRefused('token_type_invalid');
  if (required[format].some((name) => claims[name] === undefined)) throw tokenRefused('token_claim_missing');

  checkParties(claims, rules);
  checkTimes(claims, rules, nowSeconds);

  const principal = toPrincipal(claims, format);
  if (format !== 'legacy') return { principal, format, lacks: [] };
  return { principal, format, ...legacyShapeOf(claims, payload, type) };
};

/** @throws AppError `token_issuer_mismatch`, `token_audience_mismatch` */
const checkParties = ({ iss = '', aud = [] }: Claims, rules: ClaimRules): void => {
  if (iss !== rules.issuer && !rules.formerIssuers.includes(iss)) throw tokenRefused('token_issuer_mismatch');
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!audiences.includes(rules.audience)) throw tokenRefused('token_audience_mismatch');
};

/** @throws AppError `token_not_yet_valid`, `token_expired` */
const checkTimes = ({ nbf = 0, iat = 0, exp = 0 }: Claims, rules: ClaimRules, nowSeconds: number): void => {
  const latestStart = nowSeconds + rules.clockToleranceSeconds;
  if (nbf > latestStart || iat > latestStart) throw tokenRefused('token_not_yet_valid');
  if (exp <= nowSeconds - rules.clockToleranceSeconds) throw tokenRefused('token_expired');
};

/** What a token of the earlier system has and lacks. @throws AppError `token_malformed` */
const legacyShapeOf = (
  claims: Claims,
  payload: JsonObject,
  type: string | undefined,
): Pick<ClaimedToken, 'shape' | 'lacks'> => {
  // An id in both claims must be the same, else the token does not say which user it is for.
  const byEmail = claims.sub?.includes('@') === true;
  if (!byEmail && claims.sub !== claims.id) throw tokenRefused('token_malformed');
  const isInteger = typeof payload['id'] === 'number';
  const shape = byEmail ? (isInteger ? 'email_integer_id' : 'email_text_id') : isInteger ? 'id_integer' : 'id_text';
  const lacks = legacyOmissions.filter((name) => (name === 'typ' ? type : claims[name]) === undefined);
  return { shape, lacks };
};

/** The earlier system wrote ids as integers. They become texts. Other numbers stay, and are refused as malformed. */
const withTextIds = (payload: JsonObject): JsonObject => {
  const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  const texts = ['sub', 'id'].flatMap((name) => (isId(payload[name]) ? [[name, String(payload[name])] as const] : []));
  return texts.length === 0 ? payload : { ...payload, ...Object.fromEntries(texts) };
};

const typedClaims = (payload: JsonObject): Claims => {
  for (const name of stringClaims)
    if (name in payload && !isText(payload[name], name)) throw tokenRefused('token_malformed');
  for (const name of dateClaims)
    if (name in payload && !isNumericDate(payload[name])) throw tokenRefused('token_malformed');
  if ('aud' in payload && !isAudience(payload['aud'])) throw tokenRefused('token_malformed');
  return payload;
};

/**
 * Only a scope may be empty. Control characters are refused, because the values reach logs and SQL statements. Lone
 * surrogates are refused, because PostgreSQL stores each as U+FFFD, so two ids would become equal.
 */
const isText = (value: unknown, name: string): boolean =>
  typeof value === 'string' &&
  Buffer.byteLength(value) <= maxClaimBytes &&
  value.isWellFormed() &&
  (value !== '' || name === 'scope') &&
  // eslint-disable-next-line no-control-regex -- the expression must match control characters
  !/[\u0000-\u001f\u007f]/.test(value);

const isNumericDate = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) <= maxSeconds;

const isAudience = (value: unknown): boolean =>
  typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string'));

/**
 * Legacy tokens have an e-mail address in `sub`, or a claim `id` and not the type of an access token. Ids of users and clients
 * never contain `@`.
 */
const formatOf = ({ sub, id, email, role }: Claims, isAccessToken: boolean): TokenFormat => {
  if (sub?.includes('@') || (!isAccessToken && id !== undefined)) return 'legacy';
  return email === undefined && role === undefined ? 'client' : 'enhanced';
};

/** RFC 9068 section 4 allows `typ` with or without `application/`, in any case. Legacy tokens have `JWT` or no `typ`. */
const typeName = (type: string | undefined): string | undefined => type?.toLowerCase().replace(/^application\//, '');

const typeFits = (type: string | undefined, format: TokenFormat): boolean => {
  const name = typeName(type);
  if (name === 'at+jwt') return true;
  return format === 'legacy' && (name === undefined || name === 'jwt');
};

/** Ids of accounts are stored in small letters. Other ids and those of clients may differ by their letters only. */
const subjectOf = (claims: Claims, format: TokenFormat): string => {
  const given = (format === 'legacy' ? claims.id : claims.sub) ?? '';
  return format !== 'client' && isAccountId(given) ? given.toLowerCase() : given;
};

const toPrincipal = (claims: Claims, format: TokenFormat): Principal => {
  const subject = subjectOf(claims, format);
  const email = format === 'legacy' && claims.sub?.includes('@') ? claims.sub : claims.email;
  return {
    kind: format === 'client' ? 'client' : 'user',
    subject,
    scopes: knownScopes(claims.scope ?? ''),
    ...(format === 'legacy' && claims.scope === undefined && { scopesOfOwner: true as const }),
    ...(claims.narrowed === true && { isNarrowed: true as const }),
    tokenFormat: format,
    ...(email !== undefined && { email }),
    ...(claims.role !== undefined && { role: claims.role }),
    ...(claims.jti !== undefined && { tokenId: claims.jti }),
    ...(claims.iat !== undefined && { tokenIssuedAt: claims.iat }),
    ...(claims.exp !== undefined && { tokenExpiresAt: claims.exp }),
  };
};

const knownScopes = (scope: string): Scope[] => {
  const held = new Set(scope.split(' '));
  return scopes.filter((one) => held.has(one));
};
