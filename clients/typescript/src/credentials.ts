/** One kind of credential. */
export type Credentials =
  | { readonly clientId: string; readonly clientSecret: string; readonly scopes?: readonly string[] }
  | { readonly apiKey: string }
  /** An access token, or a function that returns the current one. */
  | { readonly token: string | (() => string | Promise<string>) };

export type TokenAnswer = { readonly access_token: string; readonly expires_in: number };

export type Authorizer = {
  /** The headers that carry the credential. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  /** Forgets a token that was refused. @returns false if the credential cannot be renewed */
  readonly renew: (used: string | null) => boolean;
};

/** A token that ends in less time is renewed, so that it does not end on its way. */
const marginMs = 30_000;

const formEncoded = (text: string): string => new URLSearchParams({ text }).toString().slice('text='.length);

/** The request of RFC 6749, section 4.4, for an access token. */
export const tokenRequest = (
  url: string,
  { clientId, clientSecret, scopes = [] }: Extract<Credentials, { clientId: string }>,
): Request =>
  new Request(`${url}/api/v1/auth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`)}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    }),
  });

/** Fetches the access token of a client once for all calls that wait for it, and renews it before it ends. */
const createClientAuthorizer = (fetchToken: () => Promise<TokenAnswer>): Authorizer => {
  let current: { readonly header: string; readonly endsAt: number } | undefined;
  let pending: Promise<string> | undefined;
  const renewed = async (): Promise<string> => {
    const answer = await fetchToken();
    const lifetimeMs = answer.expires_in * 1000;
    const endsAt = performance.now() + lifetimeMs - Math.min(marginMs, lifetimeMs / 2);
    current = { header: `Bearer ${answer.access_token}`, endsAt };
    return current.header;
  };
  return {
    headers: async () => {
      if (current !== undefined && performance.now() < current.endsAt) return { authorization: current.header };
      pending ??= renewed().finally(() => (pending = undefined));
      return { authorization: await pending };
    },
    renew: (used) => {
      if (current?.header === used) current = undefined;
      return true;
    },
  };
};

export const createAuthorizer = (
  credentials: Credentials | undefined,
  fetchToken: (credentials: Extract<Credentials, { clientId: string }>) => Promise<TokenAnswer>,
): Authorizer => {
  if (credentials === undefined) return { headers: async () => ({}), renew: () => false };
  if ('clientId' in credentials) return createClientAuthorizer(() => fetchToken(credentials));
  if ('apiKey' in credentials)
    return { headers: async () => ({ 'x-api-key': credentials.apiKey }), renew: () => false };
  const { token } = credentials;
  return {
    headers: async () => ({ authorization: `Bearer ${typeof token === 'string' ? token : await token()}` }),
    renew: () => false,
  };
};
