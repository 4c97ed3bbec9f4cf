import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type ConnectionOptions, type SecureVersion } from 'node:tls';
import { ConnectionStringError } from './connection-string-error.ts';

/**
 * As in libpq. `require` encrypts without verification of the server, `verify-ca` verifies the chain of its certificate,
 * `verify-full` also the name of the host.
 */
export const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** What a connection string asks for. */
export type TlsRequest = {
  /** Undefined if the string does not say. */
  readonly mode: SslMode | undefined;
  /** Path of a file with certificates of authorities, or `system`. */
  readonly rootCertificate: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  readonly revocationList: string | undefined;
  readonly minVersion: string | undefined;
  readonly maxVersion: string | undefined;
  readonly negotiation: string | undefined;
};

export const tlsParameters = [
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
  'sslnegotiation',
] as const;

const versions: readonly string[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const isMode = (text: string): text is SslMode => (sslModes as readonly string[]).includes(text);

const modeOf = (parameters: ReadonlyMap<string, string>): SslMode | undefined => {
  const ssl = parameters.get('ssl');
  if (ssl !== undefined && ssl !== 'true') {
    throw new ConnectionStringError('has a value of ssl that is not supported; write sslmode');
  }
  const mode = parameters.get('sslmode') ?? (ssl === undefined ? undefined : 'require');
  if (mode === undefined || isMode(mode)) return mode;
  // With these modes whoever controls the network decides whether the connection is encrypted.
  const reason = ['allow', 'prefer'].includes(mode) ? `sslmode=${mode}, which does not protect` : 'an unknown sslmode';
  throw new ConnectionStringError(`has ${reason}; supported: ${sslModes.join(', ')}`);
};

/** @throws ConnectionStringError for parameters that do not fit together */
export const tlsRequestOf = (parameters: ReadonlyMap<string, string>): TlsRequest => {
  const root = parameters.get('sslrootcert');
  const given = modeOf(parameters);
  const mode = given ?? (root === 'system' ? 'verify-full' : undefined);
  if (root === 'system' && mode !== 'verify-full') {
    throw new ConnectionStringError('must have sslmode=verify-full with sslrootcert=system');
  }
  const needsMode = tlsParameters.slice(2).find((name) => parameters.has(name));
  if (mode === undefined && needsMode !== undefined) {
    throw new ConnectionStringError(`has ${needsMode} without sslmode; write sslmode=verify-full`);
  }
  for (const name of ['ssl_min_protocol_version', 'ssl_max_protocol_version'] as const) {
    const version = parameters.get(name);
    if (version !== undefined && !versions.includes(version)) {
      throw new ConnectionStringError(
        `has a value of ${name} that is not supported; supported: ${versions.join(', ')}`,
      );
    }
  }
  const negotiation = parameters.get('sslnegotiation');
  if (negotiation !== undefined && !['postgres', 'direct'].includes(negotiation)) {
    throw new ConnectionStringError('has a value of sslnegotiation that is not supported; supported: postgres, direct');
  }
  if (parameters.has('sslcert') !== parameters.has('sslkey')) {
    throw new ConnectionStringError('must have both of sslcert and sslkey, or neither');
  }
  return {
    // With a file of authorities `require` verifies the chain, as in libpq.
    mode: mode === 'require' && root !== undefined ? 'verify-ca' : mode,
    rootCertificate: root,
    certificate: parameters.get('sslcert'),
    key: parameters.get('sslkey'),
    passphrase: parameters.get('sslpassword'),
    revocationList: parameters.get('sslcrl'),
    minVersion: parameters.get('ssl_min_protocol_version'),
    maxVersion: parameters.get('ssl_max_protocol_version'),
    negotiation,
  };
};

/**
 * The mode of a connection: that of its string, or that of DATABASE_SSL; `disable` without both.
 * @throws ConnectionStringError if they contradict each other
 */
export const sslModeOf = (request: TlsRequest, ssl: SslMode | undefined): SslMode => {
  if (request.mode !== undefined && ssl !== undefined && request.mode !== ssl) {
    throw new ConnectionStringError(
      `asks for sslmode ${request.mode}, which contradicts DATABASE_SSL=${ssl}; remove one of them`,
    );
  }
  return request.mode ?? ssl ?? 'disable';
};

const read = (name: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new ConnectionStringError(`names a file in ${name} that cannot be read (${reason}): ${path}`);
  }
};

const certificates = (name: string, path: string): string => {
  const text = read(name, path);
  // Node ignores a text without a certificate, and then no server would be accepted.
  if (/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(text)) return text;
  throw new ConnectionStringError(`names a file in ${name} that contains no certificate in PEM form: ${path}`);
};

/**
 * Options for `tls.connect`; false without TLS.
 * @throws ConnectionStringError for a file that cannot be read or used
 */
export const tlsOptionsOf = (request: TlsRequest, ssl: SslMode | undefined): ConnectionOptions | false => {
  const mode = sslModeOf(request, ssl);
  if (mode === 'disable') return false;
  const { rootCertificate: root, certificate, key, revocationList, passphrase, minVersion, maxVersion } = request;
  const options: ConnectionOptions = {
    rejectUnauthorized: mode !== 'require',
    ...(mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
    ...(root === 'system' && { ca: getCACertificates('system') }),
    ...(root !== undefined && root !== 'system' && { ca: certificates('sslrootcert', root) }),
    ...(certificate !== undefined && { cert: certificates('sslcert', certificate) }),
    ...(key !== undefined && { key: read('sslkey', key) }),
    ...(revocationList !== undefined && { crl: read('sslcrl', revocationList) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(minVersion !== undefined && { minVersion: minVersion as SecureVersion }),
    ...(maxVersion !== undefined && { maxVersion: maxVersion as SecureVersion }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new ConnectionStringError(`names certificates or a key that cannot be used (${reason})`);
  }
  return options;
};
