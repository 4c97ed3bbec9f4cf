/** A holder of `users:admin` can grant each scope to each user, so it includes the others. */
export const scopes = ['market:refresh', 'market:manage', 'ml:read', 'audit:read', 'users:admin'] as const;
export type Scope = (typeof scopes)[number];

/** `legacy`: a token of the earlier system. `client`: a token of a client. `enhanced`: every other token of a user. */
export const tokenFormats = ['enhanced', 'legacy', 'client'] as const;
export type TokenFormat = (typeof tokenFormats)[number];

/** What a legacy token has in `sub`, and the type of its `id`. */
export const legacyShapes = ['email_text_id', 'email_integer_id', 'id_text', 'id_integer'] as const;
export type LegacyShape = (typeof legacyShapes)[number];
/** What a legacy token can lack: the type in its header, and claims. */
export const legacyOmissions = ['typ', 'jti', 'iat', 'nbf', 'scope'] as const;
export type LegacyOmission = (typeof legacyOmissions)[number];

/** The authenticated caller. `subject` is the id of a user, a client or an API key. */
export type Principal = {
  readonly kind: 'client' | 'user' | 'api_key';
  readonly subject: string;
  /** Only for an API key: the user or client that it belongs to. */
  readonly owner?: { readonly kind: 'user' | 'client'; readonly id: string };
  readonly scopes: readonly Scope[];
  /** The token has no claim `scope`, as in the earlier system: the caller has all scopes of the user. */
  readonly scopesOfOwner?: true;
  /** The user has asked for a token with fewer scopes, for a program. */
  readonly isNarrowed?: true;
  readonly email?: string;
  readonly role?: string;
  readonly tokenFormat?: TokenFormat;
  /** The `jti` of the access token, or a digest in its place; for revocation. */
  readonly tokenId?: string;
  /** Unix seconds when the access token was issued, if it has this claim. */
  readonly tokenIssuedAt?: number;
  /** Unix seconds when the access token expires. */
  readonly tokenExpiresAt?: number;
  /**
   * The session, if a cookie authenticated the caller. Then the CSRF token is checked, and logout ends this session.
   */
  readonly sessionId?: string;
};
