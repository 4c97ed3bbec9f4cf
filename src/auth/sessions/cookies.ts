import type { IncomingHttpHeaders } from 'node:http';

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

/** With `SameSite=Strict` browsers send the cookie only with requests from pages of the same site. */
export const setSessionCookie = (token: string, maxAgeSeconds: number): string =>
  `${sessionCookie}=${token}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Strict`;

export const clearedSessionCookie = setSessionCookie('', 0);
