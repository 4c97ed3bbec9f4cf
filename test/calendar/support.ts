import { setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { call, json, serve, type Answer, type Teardown } from '#testkit/running-service.ts';
import { startGoogleServer, type GoogleServer, type WireEvent } from '#testkit/servers/google-server.ts';
import type { Service } from '#testkit/service.ts';

export type Person = {
  readonly id: string;
  readonly email: string;
  readonly authorization: { readonly Authorization: string };
};

export type Stage = {
  readonly stored: TestDatabase;
  readonly google: GoogleServer;
  readonly services: readonly Service[];
  readonly service: Service;
};

/** `count` services on one database, and a Google of their own. */
export const startStage = async (
  t: Teardown,
  environment: Readonly<Record<string, string>> = {},
  count = 1,
): Promise<Stage> => {
  const stored = await setupDatabase(t);
  const google = await startGoogleServer(t);
  const services: Service[] = [];
  for (let started = 0; started < count; started += 1) {
    const service = await serve(
      t,
      {
        DATABASE_URL: stored.url,
        PROVIDER_TIMEOUT_MS: '3000',
        JOBS_POLL_MS: '500',
        // Long enough for a busy machine.
        DATABASE_ACQUIRE_TIMEOUT_MS: '5000',
        ...google.environment,
        ...environment,
      },
      { startTimeoutMs: 90_000 },
    );
    await service.ready(90_000);
    services.push(service);
  }
  return { stored, google, services, service: services[0]! };
};

export const password = 'correct horse battery staple 71';

/** Registers a person and signs in. */
export const signIn = async (service: Service, email = 'ada@example.org'): Promise<Person> => {
  const registered = await call(`${service.url}/api/v1/auth/register`, json({ email, password }));
  if (registered.status !== 202) throw new Error(registered.text);
  const { status, body, text } = await call(`${service.url}/api/v1/auth/login`, json({ email, password }));
  if (status !== 200) throw new Error(text);
  const authorization = { Authorization: `Bearer ${String(body['access_token'])}` };
  const me = await call(`${service.url}/api/v1/auth/me`, { headers: authorization });
  return { id: String(me.body['subject']), email, authorization };
};

/** Signs a registered person in with a session. @returns the headers of its browser, and its CSRF token */
export const openSession = async (service: Service, { email }: Person) => {
  const { status, body, headers, text } = await call(
    `${service.url}/api/v1/auth/login`,
    json({ email, password, session: true }),
  );
  if (status !== 200) throw new Error(text);
  return {
    browser: { Cookie: (headers.get('set-cookie') ?? '').split(';')[0] ?? '' },
    csrfToken: String(body['csrf_token']),
  };
};

export const ask = (
  service: Service,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => call(`${service.url}/api/v1/calendar${path}`, { method, headers, redirect: 'manual' });

/** Goes to the consent page. */
export const beginConsent = async (
  service: Service,
  { authorization }: { readonly authorization: Readonly<Record<string, string>> },
) => {
  const answer = await ask(service, 'GET', '/connect', authorization);
  return {
    answer,
    location: answer.headers.get('location') ?? '',
    cookie: (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '',
  };
};

/** Comes back from Google, as a browser with the cookie or a client with a token. */
export const comeBack = (url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  call(url.href, { headers, redirect: 'manual' });

export const connect = async ({ service, google }: Stage, person: Person): Promise<Answer> => {
  const { location, cookie } = await beginConsent(service, person);
  return comeBack(google.consent(location), { Cookie: cookie });
};

export const syncNow = (service: Service, person: Person, headers: Readonly<Record<string, string>> = {}) =>
  ask(service, 'POST', '/sync/auto', { ...person.authorization, ...headers });

/** A meeting on a day of March 2027. */
export const meeting = (id: string, day: number, more: Record<string, unknown> = {}): WireEvent => ({
  id,
  summary: `Meeting ${id}`,
  start: { dateTime: `2027-03-${String(day).padStart(2, '0')}T09:00:00+01:00`, timeZone: 'Europe/Berlin' },
  end: { dateTime: `2027-03-${String(day).padStart(2, '0')}T10:00:00+01:00`, timeZone: 'Europe/Berlin' },
  updated: '2026-11-26T08:00:00.000Z',
  ...more,
});

/** Makes the stored access token expire, without a new one at Google. */
export const expireAccessToken = ({ stored }: Pick<Stage, 'stored'>) =>
  stored.query(`update calendar_connection set access_expires_at = now() - interval '1 minute'`);

export const storedEvents = async ({ stored }: Pick<Stage, 'stored'>): Promise<string[]> =>
  (await stored.query('select event_id from calendar_event order by event_id')).map((row) => String(row['event_id']));

let people = 0;
/** A person who is new, on a stage without calendars. */
export const freshPerson = async ({ service, google, stored }: Stage): Promise<Person> => {
  google.reset();
  await stored.query('truncate calendar_connection, calendar_event, calendar_consent, calendar_revocation');
  people += 1;
  return signIn(service, `person${people}@example.org`);
};
export const connectedPerson = async (stage: Stage): Promise<Person> => {
  const person = await freshPerson(stage);
  const { status, text } = await connect(stage, person);
  if (status !== 200) throw new Error(text);
  return person;
};
