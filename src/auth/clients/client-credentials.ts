import { AppError } from '#src/kernel/catalogue/errors.ts';

type ClientCredentials = { readonly id: string; readonly secret: string };

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
 * @throws AppError `client_credentials_invalid`; `oauth_request_invalid` when both are used
 */
export const readClientCredentials = ({
  authorization,
  client_id,
  client_secret,
}: ClientAuthentication): ClientCredentials => {
  if (authorization === undefined) {
    if (!client_id || !client_secret) throw clientRefused();
    return { id: client_id, secret: client_secret };
  }
  const basic = readBasic(authorization);
  if (!basic) throw clientRefused();
  if (client_secret || (client_id && client_id !== basic.id)) {
    throw new AppError('oauth_request_invalid', 'Client credentials are in the header and in the body', {
      oauthError: 'invalid_request',
    });
  }
  return basic;
};

const readBasic = (authorization: string): ClientCredentials | undefined => {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization.trim())?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) return undefined;
  const id = formDecoded(decoded.slice(0, colon));
  const secret = formDecoded(decoded.slice(colon + 1));
  return id && secret ? { id, secret } : undefined;
};

/** Id and secret are form-urlencoded before they are joined (RFC 6749 section 2.3.1). */
const formDecoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
};
