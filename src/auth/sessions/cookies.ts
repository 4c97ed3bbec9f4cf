import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { hostNameIn } from '#src/kernel/connections/host-name.ts';
import { isLocalHost } from '#src/kernel/connections/local-host.ts';
import { hostCookieIn } from '#src/kernel/credentials/cookies.ts';

/** With this prefix browsers demand Secure, Path=/ and no Domain, so a sibling host cannot set or replace the cookie. */
const sessionCookie = '__Host-session';

/** Reads the session token. Its value is base64url, so it needs no decoding. */
export const sessionTokenFrom = ({ cookie }: Pick<IncomingHttpHeaders, 'cookie'>): string | undefined =>
  hostCookieIn(cookie, sessionCookie, /^vws_[\w-]{43}$/);

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
   * Refuses a sign-in whose session the browser would not send back, because the page would get a success and then 401 for
   * each request.
   * @throws AppError `session_cross_site`, `session_insecure`
   */
  readonly assertUsable: (headers: BrowserHeaders) => void;
};

/** Headers that browsers set. A page cannot change them. */
type BrowserHeaders = {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | undefined;
  /** Sent with requests to another site that have credentials. `active`: the browser sends the cookies of this site. */
  readonly 'sec-fetch-storage-access'?: string | undefined;
};

const plain = 'http://';

/**
 * The page came over plain HTTP from this host, and so did the request: browsers send `Sec-Fetch-Site` over HTTPS and to
 * loopback only. They drop a cookie with Secure then. A proxy that ends TLS does not matter, because the headers say what the
 * browser sees.
 */
const isInsecure = ({ origin, host, 'sec-fetch-site': site }: BrowserHeaders): boolean => {
  if (!origin?.startsWith(plain) || host === undefined || site !== undefined) return false;
  const page = hostNameIn(origin.slice(plain.length));
  return page !== undefined && page === hostNameIn(host) && !isLocalHost(page);
};

const attribute = { strict: 'Strict', lax: 'Lax', none: 'None' } as const;

export const createSessionCookies = ({ sameSite }: { readonly sameSite: SameSite }): SessionCookies => {
  const set = (token: string, maxAgeSeconds: number): string =>
    `${sessionCookie}=${token}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=${attribute[sameSite]}`;
  return {
    set,
    cleared: set('', 0),
    assertUsable: (headers) => {
      if (isInsecure(headers)) {
        throw new AppError(
          'session_insecure',
          'Browsers do not store the session cookie of a page that came over plain HTTP. Use HTTPS, or sign in without session and use the tokens',
        );
      }
      if (headers['sec-fetch-site'] !== 'cross-site') return;
      if (sameSite !== 'none') {
        throw new AppError(
          'session_cross_site',
          'Browsers do not send the session cookie from pages of another site. Sign in without session and use the tokens, or set SESSION_COOKIE_SAMESITE=none',
        );
      }
      // Browsers that do not send this header cannot be asked.
      if (!['none', 'inactive'].includes(headers['sec-fetch-storage-access'] ?? '')) return;
      throw new AppError(
        'session_cross_site',
        'This browser blocks the cookies of other sites. Sign in without session and use the tokens, or ask for access with document.requestStorageAccess()',
      );
    },
  };
};
