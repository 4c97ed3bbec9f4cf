import type { Attributes } from '@opentelemetry/api';
import { recentResults } from '../../kernel/memory/recent-results.ts';
import { sqlWithoutLiterals } from '../tracing/sql-text.ts';

/**
 * Decides what must not leave the process in a log line or a span: secrets and personal data (by the name of the
 * field), literals of SQL statements, credentials in URLs and free text.
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
/**
 * True if a field, header or query member with this name contains a secret or personal data. Ignores case and
 * separators.
 */
export const isSecretName = (name: string): boolean => {
  const before = known.get(name);
  if (before !== undefined) return before;
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const secret = secretNames.has(plain) || secretEnding.test(plain);
  // Names come from the code, so there are few. The limit is for logged objects whose member names come from input.
  if (known.size < 1_000) known.set(name, secret);
  return secret;
};

const maxDepth = 6;
const maxItems = 50;
const maxCharacters = 8_192;

/**
 * Returns a copy of a value without secret fields at any depth. Values below six levels and items after the 50th are
 * removed.
 */
export const redactValue = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (depth >= maxDepth) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redactValue(item, depth + 1));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return redactInto({}, value, depth + 1);
};

/** Adds the members of `value` to `target` as `redactValue` does. @returns `target` */
export const redactInto = (target: Record<string, unknown>, value: object, depth: number): Record<string, unknown> => {
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name];
    target[name] =
      isSecretName(name) && member !== undefined && member !== null ? redacted : redactValue(member, depth);
  }
  return target;
};

const mayHoldSecret = /[@=]|:\/\/|bearer|basic|eyJ/i;

/**
 * Returns free text without credentials of URLs, bearer tokens, JWTs, `name=secret` pairs and e-mail addresses. The
 * time is linear in the length of the text. Each pattern starts at the first character of a run (the lookbehind), has a
 * start of limited length, or matches everything that it has read. So no run is read again from each of its characters.
 */
export const redactText = (text: string): string => {
  const short = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  if (!mayHoldSecret.test(short)) return short;
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

// PostgreSQL puts both identifiers and rejected values in quotes. Only messages of these states (unknown table, column,
// function, schema, database; wrong privileges or role) contain identifiers only.
const identifiersOnly = /^(?:42P01|42703|42883|42501|3F000|3D000|28\w{3})$/;

/** MikroORM adds the detail and the hint of PostgreSQL to the message. The detail has the values of the rejected row. */
const withoutDetail = (message: string): string => message.split(/\n - (?:detail|hint): /, 1)[0]!;

/**
 * The message of a database error without values. MikroORM puts the statement before ` - `; PostgreSQL quotes rejected
 * values.
 */
const databaseMessage = (error: DatabaseError): string => {
  const whole = withoutDetail(error.message);
  const message = whole.slice(whole.lastIndexOf(' - ') + 1);
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

/** The form of a frame. A line of the message may begin in the same way, because it can have a text of a caller. */
const frame = /^\s+at (?:async )?(?:.+ \((?:.+:\d+:\d+|native|<anonymous>|index \d+)\)|\S+:\d+:\d+)$/;

const framesOf = ({ stack = '', message }: Error): readonly string[] => {
  const start = stack.indexOf(message);
  // The message may have been changed after the stack was made.
  const text = start < 0 ? stack : stack.slice(start + message.length);
  return text
    .split('\n')
    .filter((line) => frame.test(line))
    .map((line) => redactText(line));
};

/**
 * Describes an error for a log line: type, message and stack frames. `detail`, `where` and statement of a database
 * error are left out.
 */
export const describeError = (error: Error, depth = 0): DescribedError => {
  const { code } = error as { code?: unknown };
  const frames = framesOf(error);
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message: isDatabaseError(error) ? databaseMessage(error) : redactText(error.message),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(frames.length > 0 && { stack: frames.join('\n') }),
    ...(error.cause instanceof Error && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  };
};

/** Returns a URL or query string without secret members and user information. Everything else is unchanged. */
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
    // Invalid escapes: the name is checked as it is written.
  }
  return isSecretName(decoded) || /^(?:code|sig|signature|state|session|auth)$/i.test(decoded);
};

const sqlAttributes = ['db.query.text', 'db.statement'];
const urlAttributes = ['url.full', 'url.query', 'http.url', 'http.target'];
const droppedAttributes = ['db.postgresql.values', 'db.connection_string', 'db.user', 'db.postgresql.plan'];

/**
 * The texts of statements are constants of the code, and a text of 700 characters takes 80 us: for 1,500 spans a second a tenth
 * of the event loop. Statements whose length depends on their rows are mostly longer.
 */
const knownStatement = recentResults(sqlWithoutLiterals, { maxEntries: 1_000, maxCharacters: 4_096 });

/** Returns attributes of a span or event without secrets. Redis commands are kept without their arguments. */
export const redactAttributes = (attributes: Attributes): Attributes => {
  const copy: Attributes = { ...attributes };
  const redis = attributes['db.system.name'] === 'redis' || attributes['db.system'] === 'redis';
  for (const name of droppedAttributes) delete copy[name];
  for (const name of sqlAttributes) {
    const text = copy[name];
    if (typeof text === 'string') copy[name] = redis ? (text.split(' ', 1)[0] ?? '') : knownStatement(text);
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
