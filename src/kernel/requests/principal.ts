/** `users:admin` is reserved: it can be granted, and no route asks for it yet. */
export const scopes = ['market:refresh', 'ml:read', 'audit:read', 'users:admin'] as const;
export type Scope = (typeof scopes)[number];

export const tokenFormats = ['enhanced', 'legacy', 'client'] as const;
export type TokenFormat = (typeof tokenFormats)[number];

/** Who the caller is. `subject` is a user id, a client id or an API key's id. */
export type Principal = {
  readonly kind: 'client' | 'user' | 'api_key';
  readonly subject: string;
  /** Of an API key: the user or client that it acts for. */
  readonly owner?: { readonly kind: 'user' | 'client'; readonly id: string };
  readonly scopes: readonly Scope[];
  readonly email?: string;
  readonly role?: string;
  readonly tokenFormat?: TokenFormat;
  /** The access token's `jti` (or a digest that stands for it), for revocation. */
  readonly tokenId?: string;
  /** Unix seconds at which the access token was issued, where it says so. */
  readonly tokenIssuedAt?: number;
  /** Unix seconds of the access token's end. */
  readonly tokenExpiresAt?: number;
  /** Set when a cookie session authenticated the caller: then CSRF is checked, and logout ends this session. */
  readonly sessionId?: string;
};
