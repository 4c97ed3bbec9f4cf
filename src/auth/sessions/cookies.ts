import type { IncomingHttpHeaders } from 'node:http';

/** The prefix makes browsers insist on Secure, Path=/ and no Domain: no sibling host can set or shadow it. */
const sessionCookie = '__Host-session';

/** Values are our own base64url tokens, which need no decoding. */
export const sessionTokenFrom = ({ cookie }: Pick<IncomingHttpHeaders, 'cookie'>): string | undefined => {
  for (const pair of cookie?.split(';') ?? []) {
    const [name = '', value = ''] = pair.split('=', 2);
    if (name.trim() === sessionCookie && /^vws_[\w-]{43}$/.test(value.trim())) return value.trim();
  }
  return undefined;
};

/** `Strict`: the cookie comes along on requests that our own pages begin, on no others. */
export const setSessionCookie = (token: string, maxAgeSeconds: number): string =>
  `${sessionCookie}=${token}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Strict`;

export const clearedSessionCookie = setSessionCookie('', 0);
