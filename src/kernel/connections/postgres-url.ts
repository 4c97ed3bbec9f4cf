import { userInfo } from 'node:os';
import { ConnectionStringError } from './connection-string-error.ts';
import { checkParameters } from './postgres-parameters.ts';
import { tlsRequestOf, type TlsRequest } from './postgres-tls.ts';

/** A server and a database, as a connection string of libpq names them. */
export type PostgresTarget = {
  /** A name, an address without brackets, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** False if the string has no database name, so that it is the name of the user. */
  readonly isDatabaseNamed: boolean;
  readonly applicationName: string | undefined;
  /** Options for the session, for example `-c work_mem=64MB`. */
  readonly options: string | undefined;
  readonly tls: TlsRequest;
};

const shape = /^postgres(?:ql)?:\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;
const defaultPort = '5432';

const decode = (text: string, what: string): string => {
  try {
    const decoded = decodeURIComponent(text);
    if (!decoded.includes('\0')) return decoded;
  } catch {
    // The error below says more.
  }
  throw new ConnectionStringError(`has a % in its ${what} that does not begin an encoded character; write %25`);
};

/** In contrast to a form, a plus sign is not a space here, as in libpq. */
const parametersOf = (text: string): ReadonlyMap<string, string> => {
  const parameters = new Map<string, string>();
  for (const pair of text.split('&').filter((each) => each !== '')) {
    const at = pair.indexOf('=');
    if (at === -1) throw new ConnectionStringError('has a parameter without =');
    const name = decode(pair.slice(0, at), 'parameters');
    if (parameters.has(name)) throw new ConnectionStringError(`has the parameter ${name} more than once`);
    parameters.set(name, decode(pair.slice(at + 1), 'parameters'));
  }
  return parameters;
};

const splitAt = (text: string, index: number): readonly [string | undefined, string] =>
  index === -1 ? [undefined, text] : [text.slice(0, index), text.slice(index + 1)];

const hostAndPort = (text: string): { host: string; port: string | undefined } => {
  if (text.includes(',')) {
    throw new ConnectionStringError(
      'names several hosts, which is not supported: name one address that follows the primary, and list replicas in DATABASE_REPLICA_URLS',
    );
  }
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  if (bracketed === undefined && plain === undefined) {
    throw new ConnectionStringError('must have an IPv6 address in brackets');
  }
  return { host: decode(bracketed ?? plain ?? '', 'host'), port: port === '' ? undefined : port };
};

const portOf = (text: string): number => {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new ConnectionStringError('must have a port from 1 to 65535');
};

/** User name and password in front of the host, decoded. */
const credentialsOf = (credentials: string | undefined): { readonly name: string; readonly password?: string } => {
  if (credentials?.includes(':') !== true) return { name: decode(credentials ?? '', 'user name') };
  const [name, password] = splitAt(credentials, credentials.indexOf(':'));
  return { name: decode(name ?? '', 'user name'), password: decode(password, 'password') };
};

/**
 * Parses the URI form of a libpq connection string, also the forms that `URL` refuses: a socket (`postgres://u@/db?host=/run`),
 * and a host that is an encoded path. Without a user name it is the account of the process, and without a database name that of the user, as in libpq.
 * @throws ConnectionStringError for a string that cannot be used as it says; no parameter is ignored silently
 */
export const parsePostgresUrl = (text: string): PostgresTarget => {
  const [, authority, path = '', query = ''] = shape.exec(text) ?? [];
  if (authority === undefined) {
    throw new ConnectionStringError('must be a URL starting with postgres:// or postgresql://');
  }
  const parameters = parametersOf(query);
  checkParameters(parameters);
  const [credentials, address] = splitAt(authority, authority.lastIndexOf('@'));
  const { name, password } = credentialsOf(credentials);
  const { host, port } = hostAndPort(address);
  const user = (parameters.get('user') ?? name) || userInfo().username;
  const server = parameters.get('host') ?? host;
  if (server === '') {
    throw new ConnectionStringError(
      'has no host: write it before the database name, or as host=/DIRECTORY for a socket',
    );
  }
  if (server.includes(',')) hostAndPort(server);
  const database = parameters.get('dbname') ?? decode(path, 'database name');
  return {
    host: server,
    port: portOf(parameters.get('port') ?? port ?? defaultPort),
    user,
    password: parameters.get('password') ?? password,
    database: database === '' ? user : database,
    isDatabaseNamed: database !== '',
    applicationName: parameters.get('application_name'),
    options: parameters.get('options'),
    tls: tlsRequestOf(parameters),
  };
};
