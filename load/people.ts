import http from 'k6/http';
import { api } from './target.ts';
import { oneOf } from './random.ts';

/** A user whom `npm run load` has registered. */
export type Person = {
  readonly email: string;
  readonly password: string;
  /** An access token, so that the start of a run is no burst of sign-ins. */
  readonly token: string;
  readonly apiKey: string;
  /** The cookie of a session, and its CSRF token. */
  readonly cookie: string;
  readonly csrfToken: string;
  readonly hasCalendar: boolean;
};

type Prepared = {
  readonly people: readonly Person[];
  /** When the tokens were issued, in Unix milliseconds. */
  readonly preparedAt: number;
  /** Path of a file with an Arrow stream. */
  readonly chunk: string;
};

const file = __ENV['LOAD_PEOPLE'];
const prepared = file === undefined ? undefined : (JSON.parse(open(file)) as Prepared);

/** The bytes of a chunk of a pricing job. */
export const chunk: ArrayBuffer | undefined = prepared && open(prepared.chunk, 'b');
export const people: readonly Person[] = prepared?.people ?? [];
export const onePerson = (): Person => oneOf(people);

/** Below the lifetime of an access token, which is 15 minutes by default. */
const renewAfterMs = 600_000;
type Token = { readonly value: string; readonly takenAt: number };
const tokens: Record<string, Token> = Object.fromEntries(
  people.map(({ email, token }) => [email, { value: token, takenAt: prepared?.preparedAt ?? 0 }]),
);

const take = (key: string, path: string, body: string | Record<string, string>, headers = {}): string | undefined => {
  const known = tokens[key];
  if (known && Date.now() - known.takenAt < renewAfterMs) return known.value;
  const issued = http.post(`${api}${path}`, body, {
    headers,
    tags: { name: `POST ${path}`, route: path, slo: 'none' },
  });
  if (issued.status !== 200) return undefined;
  const value = issued.json('access_token') as string;
  tokens[key] = { value, takenAt: Date.now() };
  return value;
};

/** An access token of the person, kept for ten minutes. Undefined if the sign-in was refused. */
export const tokenOf = ({ email, password }: Person): string | undefined =>
  take(email, '/auth/login', JSON.stringify({ email, password }), { 'content-type': 'application/json' });

const clientId = __ENV['CLIENT_ID'];
const clientSecret = __ENV['CLIENT_SECRET'];

/** An access token of the client of the run. Undefined without CLIENT_ID and CLIENT_SECRET. */
export const clientToken = (): string | undefined =>
  clientId === undefined || clientSecret === undefined
    ? undefined
    : take('client', '/auth/token', {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      });

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

const signsAll = __ENV['AS_CLIENT'] === 'true';

/**
 * The credentials of the client for a request without credentials, if AS_CLIENT is `true`. Then public routes count
 * against the limit of the client and not against the limit of the address.
 */
export const callerHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> => {
  const hasCredentials = ['authorization', 'x-api-key', 'cookie'].some((name) => name in headers);
  const token = signsAll && !hasCredentials ? clientToken() : undefined;
  return token === undefined ? {} : bearer(token);
};
