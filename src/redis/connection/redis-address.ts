/** Where Redis is. Several URLs of one address have the same user, password and scheme. */
export type RedisAddress =
  | { readonly mode: 'server'; readonly url: string }
  | {
      readonly mode: 'cluster';
      /** Some nodes of the cluster. The others are found through them. */
      readonly urls: readonly string[];
    }
  | {
      readonly mode: 'sentinel';
      /** The sentinels, with their own user and password. */
      readonly urls: readonly string[];
      /** The name of the group of servers that the sentinels watch. */
      readonly group: string;
      /** User, password, database number and scheme of the servers. Its host and port are not used. */
      readonly serverUrl: string | undefined;
    };

export type Endpoint = { readonly host: string; readonly port: number };

/** User, password, database number and encryption. */
export type Account = {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: Record<string, never>;
};

const defaultPort = 6379;

export const endpointOf = (text: string, fallbackPort = defaultPort): Endpoint => {
  const { hostname, port } = new URL(text);
  return {
    host: hostname === '' ? 'localhost' : hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? fallbackPort : Number(port),
  };
};

/** The URL is parsed here, because ioredis would take parameters of the URL as options that replace those of the service. */
export const accountOf = (text: string | undefined): Account => {
  if (text === undefined) return {};
  const { username, password, pathname, protocol } = new URL(text);
  const db = Number(pathname.slice(1));
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(db > 0 && { db }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
};
