import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#src/kernel/catalogue/errors.ts';

/** With this prefix browsers demand Secure, Path=/ and no Domain, so a sibling host cannot set or replace the cookie. */
const sessionCookie = '__Host-session';

/** Reads the session token. Its value is base64url, so it needs no decoding. */
export const sessionTokenFrom = ({ cookie }: Pick<IncomingHttpHeaders, 'cookie'>): string | undefined => {
  for (const pair of cookie?.split(';') ?? []) {
    const [name = '', value = ''] = pair.split('=', 2);
    if (name.trim() === sessionCookie && /^vws_[\w-]{43}$/.test(value.trim())) return value.trim();
  }
  return undefined;
};

/**
 * The attribute SameSite of the cookie. `strict`: browsers send it only with requests of pages of the same site. `lax`:
 * also when a link of another site leads here. `none`: also with requests of pages of other sites.
 */
export type SameSite = 'strict' | 'lax' | 'none';

export type SessionCookies = {
  readonly set: (token: string, maxAgeSeconds: number) => string;
  /** Deletes the cookie. */
  readonly cleared: string;
  /**
   * Refuses a sign-in whose session the browser would not send back, because the page of another site would get a success
   * and then 401 for each request.
   * @throws AppError `session_cross_site`
   */
  readonly assertUsable: (headers: { readonly 'sec-fetch-site'?: string | undefined }) => void;
};

const attribute = { strict: 'Strict', lax: 'Lax', none: 'None' } as const;

export const createSessionCookies = ({ sameSite }: { readonly sameSite: SameSite }): SessionCookies => {
  const set = (token: string, maxAgeSeconds: number): string =>
    `${sessionCookie}=${token}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=${attribute[sameSite]}`;
  return {
    set,
    cleared: set('', 0),
    assertUsable: (headers) => {
      if (sameSite === 'none' || headers['sec-fetch-site'] !== 'cross-site') return;
      throw new AppError(
        'session_cross_site',
        'Browsers do not send the session cookie from pages of another site. Sign in without session and use the tokens, or set SESSION_COOKIE_SAMESITE=none',
      );
    },
  };
};
