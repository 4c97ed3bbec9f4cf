import { AppError, isErrorCode, type ErrorCode } from '#src/kernel/catalogue/errors.ts';

/** SQLSTATEs by exact code; https://www.postgresql.org/docs/18/errcodes-appendix.html */
const byState: Readonly<Record<string, ErrorCode>> = {
  '40001': 'database_conflict',
  '40P01': 'database_conflict',
  '57014': 'database_timeout',
  '25P03': 'database_timeout',
  '25P04': 'database_timeout',
  '55P03': 'database_timeout',
  '42P01': 'database_schema_outdated',
  '42703': 'database_schema_outdated',
  '3F000': 'database_schema_outdated',
  '25006': 'database_unavailable',
  '3D000': 'database_unavailable',
  // Values that PostgreSQL cannot represent. They come from a request whose schema is too wide.
  '22021': 'validation_failed',
  '22P05': 'validation_failed',
  '22007': 'validation_failed',
  '22008': 'validation_failed',
};

/** The default detail of `validation_failed` names a field, which is not known here. */
const details: Partial<Record<ErrorCode, string>> = {
  validation_failed:
    'A value of the request cannot be stored: it has a character, a date or a form that is not allowed',
};

/** Classes of SQLSTATEs that mean that no server works: connection, authorization, resources, operator, system. */
const unavailableClasses = new Set(['08', '28', '53', '57', '58']);

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** Codes of Node and OpenSSL for a handshake that failed, or a certificate that is not accepted. */
const tlsCodes =
  /^(?:ERR_TLS|ERR_SSL|CERT_|CRL_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|INVALID_CA$|HOSTNAME_MISMATCH$|EPROTO$)/;

/** For a Unix socket the codes are those of files, for example ENOENT while the server is down. */
const isConnectFault = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo');

/** Messages of pg errors that have no code. The fault tests check that the texts are still the same. */
const connectionLostMessages = [
  /^Connection terminated/,
  /not queryable$/,
  /^The server does not support SSL/,
  /^Cannot use a pool after calling end/,
  /^There was an error establishing an SSL connection/,
];

const stringCodeOf = (error: unknown): string | undefined => {
  if (typeof error !== 'object' || error === null) return undefined;
  const value: unknown = Reflect.get(error, 'code');
  return typeof value === 'string' ? value : undefined;
};

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code);

const codeFor = (error: unknown): ErrorCode | undefined => {
  const code = stringCodeOf(error);
  if (code !== undefined) {
    // MikroORM copies the properties of the driver's error, also of an AppError, to its own exception.
    if (isErrorCode(code)) return code;
    if (networkCodes.has(code) || tlsCodes.test(code) || isConnectFault(error)) return 'database_unavailable';
    if (isSqlState(code))
      return byState[code] ?? (unavailableClasses.has(code.slice(0, 2)) ? 'database_unavailable' : undefined);
  }
  const message = error instanceof Error ? error.message : '';
  if (message === 'Query read timeout') return 'database_timeout';
  if (connectionLostMessages.some((pattern) => pattern.test(message))) return 'database_unavailable';
  return undefined;
};

/** Whether the server itself ended the statement because of its time, so it answers. */
export const isEndedByServer = (error: unknown): boolean => {
  const code = error instanceof AppError && error.code === 'database_timeout' ? stringCodeOf(error.cause) : undefined;
  return code !== undefined && isSqlState(code);
};

/** Classes of SQLSTATEs after which the session cannot be trusted: connection, authorization, system, internal. */
const endingClasses = new Set(['08', '28', '58', 'XX']);
/** SQLSTATEs with which the server ends the session: an operator, a crash, a timeout of the session. */
const endingStates = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '25P04', '53300']);

/**
 * False if the server refused only this statement. Then the connection can be used again. The severity (`ERROR`,
 * `FATAL`) is not used, because the server translates it (`FEHLER`), and pg does not read the field without translation.
 */
export const breaksConnection = (error: unknown): boolean => {
  const code = stringCodeOf(error);
  if (code === undefined || !isSqlState(code)) return true;
  return endingClasses.has(code.slice(0, 2)) || endingStates.has(code);
};

/**
 * Converts an error of the database to an AppError. Its `detail` contains no part of the statement. Every other error
 * (a violated constraint, a mistake in the code, an AppError) is returned unchanged.
 * @param earlier the error that the connection reported before the statement was sent, because it is the cause
 */
export const translate = (error: unknown, earlier?: unknown): unknown => {
  if (error instanceof AppError) return error;
  const code = (earlier === undefined ? undefined : codeFor(earlier)) ?? codeFor(error);
  return code === undefined ? error : new AppError(code, details[code], { cause: error });
};
