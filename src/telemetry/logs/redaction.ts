import type { Attributes } from '@opentelemetry/api';
import { sqlWithoutLiterals } from '../tracing/sql-text.ts';

/**
 * The one place that decides what may not leave the process in a log line or a span: secrets and personal data by the
 * name of the field, the literals of SQL statements, credentials inside URLs and free text.
 */
export const redacted = '[redacted]';

const secretNames = new Set(
  (
    'authorization proxyauthorization cookie setcookie password passwd secret clientsecret token accesstoken refreshtoken ' +
    'idtoken csrftoken xcsrftoken apikey xapikey key privatekey jwt credentials email username phone ip clientip ' +
    'parameters params bindings values internalquery'
  ).split(' '),
);
const secretEnding = /(?:password|secret|token|apikey|privatekey|email)$/;

const known = new Map<string, boolean>();
/** Whether a field, header or query member of this name holds a secret or personal data; case and separators do not matter. */
export const isSecretName = (name: string): boolean => {
  const before = known.get(name);
  if (before !== undefined) return before;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const secret = secretNames.has(plain) || secretEnding.test(plain);
  // Names come from code, so they are few; the bound holds when somebody logs an object keyed by input.
  if (known.size < 1_000) known.set(name, secret);
  return secret;
};

const deepest = 6;
const longestList = 50;
const longestText = 8_192;

/** A copy of a logged value with secret fields replaced, at any depth; deeper than six levels and after 50 items it is cut. */
export const redactValue = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, longestList).map((item) => redactValue(item, depth + 1));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    copy[name] =
      isSecretName(name) && member !== undefined && member !== null ? redacted : redactValue(member, depth + 1);
  }
  return copy;
};

const suspicious = /[@=]|:\/\/|bearer|basic|eyJ/i;

/**
 * Free text without credentials of URLs, bearer tokens, JWTs, `name=secret` pairs and e-mail addresses. Linear in the
 * length of the text: each pattern begins at the first character of a run (the lookbehind), has a bounded beginning, or
 * always matches what it has read, so no run of characters is read again from each of its characters.
 */
export const redactText = (text: string): string => {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  if (!suspicious.test(short)) return short;
  return short
    .replaceAll(/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#@]*(?:@[^\s/?#@]*)*@/gi, `$1${redacted}@`)
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]+/gi, `$1 ${redacted}`)
    .replaceAll(/\beyJ[\w-]*(?:\.[\w-]*){0,2}/g, redacted)
    .replaceAll(/(?<![\w-])([\w-]+)=([^\s&;,"']+)/g, (pair, name: string) =>
      isSecretName(name) ? `${name}=${redacted}` : pair,
    )
    .replaceAll(/(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+/g, redacted);
};

type DatabaseError = Error & { readonly code?: unknown; readonly sqlState?: unknown };

const isDatabaseError = (error: Error): error is DatabaseError =>
  'severity' in error || 'sqlState' in error || 'sqlMessage' in error || error.constructor.name.endsWith('Exception');

// PostgreSQL quotes identifiers and rejected values alike: only these states (unknown table, column, function,
// schema, database; wrong privileges or role) name nothing but identifiers.
const identifiersOnly = /^(?:42P01|42703|42883|42501|3F000|3D000|28\w{3})$/;

/** A database's message without values: MikroORM puts the whole statement before ` - `, PostgreSQL quotes what it rejects. */
const databaseMessage = (error: DatabaseError): string => {
  const message = error.message.slice(error.message.lastIndexOf(' - ') + 1);
  const state = typeof error.code === 'string' ? error.code : '';
  const plain = sqlWithoutLiterals(message.replace(/^- /, ''));
  return redactText(identifiersOnly.test(state) ? plain : plain.replaceAll(/"(?:[^"]|"")*"?|\?/g, '?'));
};

export type DescribedError = {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly cause?: DescribedError;
};

/** An error for a log line: type, message and frames only. A database error's `detail`, `where` and statement never show. */
export const describeError = (error: Error, depth = 0): DescribedError => {
  const { code } = error as { code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message: isDatabaseError(error) ? databaseMessage(error) : redactText(error.message),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(frames.length > 0 && { stack: frames.join('\n') }),
    ...(error.cause instanceof Error && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  };
};

/** A URL or query string whose secret members and user information are replaced; everything else stays as it was. */
export const redactUrl = (url: string): string =>
  url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${redacted}@`)
    .replaceAll(/([?&;]|^)([^=&;?#/]+)=([^&;#]*)/g, (pair, before: string, name: string) =>
      isSecretMember(name) ? `${before}${name}=${redacted}` : pair,
    );

const isSecretMember = (name: string): boolean => {
  let decoded = name;
  try {
    decoded = decodeURIComponent(name);
  } catch {
    // Broken escapes: judged as written.
  }
  return isSecretName(decoded) || /^(?:code|sig|signature|state|session|auth)$/i.test(decoded);
};

const sqlAttributes = ['db.query.text', 'db.statement'];
const urlAttributes = ['url.full', 'url.query', 'http.url', 'http.target'];
const droppedAttributes = ['db.postgresql.values', 'db.connection_string', 'db.user', 'db.postgresql.plan'];

/** Span or event attributes as they may be exported. `redis`: the command stays, its arguments go. */
export const redactAttributes = (attributes: Attributes): Attributes => {
  const copy: Attributes = { ...attributes };
  const redis = attributes['db.system.name'] === 'redis' || attributes['db.system'] === 'redis';
  for (const name of droppedAttributes) delete copy[name];
  for (const name of sqlAttributes) {
    const text = copy[name];
    if (typeof text === 'string') copy[name] = redis ? (text.split(' ', 1)[0] ?? '') : sqlWithoutLiterals(text);
  }
  for (const name of urlAttributes) if (typeof copy[name] === 'string') copy[name] = redactUrl(copy[name]);
  for (const [name, value] of Object.entries(copy)) {
    const last = name.slice(name.lastIndexOf('.') + 1);
    if (name.startsWith('http.request.header.') || name.startsWith('http.response.header.')) {
      if (isSecretName(last)) copy[name] = redacted;
    } else if (typeof value === 'string' && name.startsWith('exception.')) copy[name] = redactText(value);
  }
  return copy;
};
