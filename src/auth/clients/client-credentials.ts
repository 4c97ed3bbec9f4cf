import { AppError } from '#src/kernel/catalogue/errors.ts';

export type ClientCredentials = { readonly id: string; readonly secret: string };

export type ClientAuthentication = {
  readonly authorization?: string | undefined;
  readonly client_id?: string | undefined;
  readonly client_secret?: string | undefined;
};

/** 401 with the challenge of HTTP Basic, which RFC 6749 section 5.2 demands. */
export const clientRefused = (): AppError =>
  new AppError('client_credentials_invalid', 'Unknown client or wrong secret', {
    oauthError: 'invalid_client',
    headers: { 'WWW-Authenticate': 'Basic realm="volwatch", charset="UTF-8"' },
  });

/**
 * Reads the id and secret of the client from HTTP Basic or from the body (RFC 6749 section 2.3.1).
 * @returns the ways to read them. HTTP Basic can have two, because many clients do not encode id and secret
 * @throws AppError `client_credentials_invalid`; `oauth_request_invalid` when both are used
 */
export const readClientCredentials = ({
  authorization,
  client_id,
  client_secret,
}: ClientAuthentication): readonly ClientCredentials[] => {
  if (authorization === undefined) {
    if (!client_id || !client_secret) throw clientRefused();
    return [{ id: client_id, secret: client_secret }];
  }
  const basic = readBasic(authorization);
  if (basic.length === 0) throw clientRefused();
  if (client_secret || (client_id && !basic.some(({ id }) => id === client_id))) {
    throw new AppError('oauth_request_invalid', 'Client credentials are in the header and in the body', {
      oauthError: 'invalid_request',
    });
  }
  return basic;
};

const readBasic = (authorization: string): readonly ClientCredentials[] => {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization.trim())?.[1];
  if (encoded === undefined) return [];
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) return [];
  const raw = { id: decoded.slice(0, colon), secret: decoded.slice(colon + 1) };
  if (raw.secret === '') return [];
  const id = formDecoded(raw.id);
  const secret = formDecoded(raw.secret);
  if (!id || !secret || (id === raw.id && secret === raw.secret)) return [raw];
  return [{ id, secret }, raw];
};

/**
 * Id and secret are form-urlencoded before they are joined (RFC 6749 section 2.3.1).
 * @returns undefined for a text that is not form-urlencoded, such as `100%`
 */
const formDecoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
};
