import { hostNameIn } from '#src/kernel/connections/host-name.ts';
import { isLocalHost } from '#src/kernel/connections/local-host.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { hostCookieIn } from '#src/kernel/credentials/cookies.ts';

/**
 * The cookie that recognises the browser in the callback. `SameSite=Lax`, because the browser comes from Google then; a
 * cookie with `Strict` would not be sent. With the prefix `__Host-` another host cannot set it.
 */
const cookieName = '__Host-calendar-consent';

export const consentCookie = (secret: string, maxAgeSeconds: number): string =>
  `${cookieName}=${secret}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Lax`;
export const endedConsentCookie = consentCookie('', 0);

/** Reads the cookie from a `Cookie` header. */
export const browserSecretIn = (header: string | undefined): string | undefined =>
  hostCookieIn(header, cookieName, /^[\w-]{43}$/);

/**
 * The URL of the callback for a request to `host`. Google refuses a URL that is not registered, so a wrong host cannot
 * send a code elsewhere.
 * @throws AppError `validation_failed` for a header that is no host
 */
export const redirectUrlFrom = (
  host: string | undefined,
  { callbackPath, production }: { readonly callbackPath: string; readonly production: boolean },
): string => {
  const name = hostNameIn(host ?? '');
  if (name === undefined) {
    throw new AppError('validation_failed', 'The request breaks its schema', {
      errors: [{ pointer: 'header.host', code: 'invalid_format', detail: 'Must be a host with an optional port' }],
    });
  }
  const scheme = production && !isLocalHost(name) ? 'https' : 'http';
  return `${scheme}://${host}${callbackPath}`;
};
