import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { strikesStream } from '#testkit/arrow/arrow-support.ts';
import { newUser } from '#testkit/accounts/new-user.ts';
import { call, json } from '#testkit/running-service.ts';
import type { GoogleServer } from '#testkit/servers/google-server.ts';

/** Each sends three of the sign-ins and registrations that RATE_LIMIT_LOGIN_PER_MINUTE counts. */
const peopleCount = 5;
const chunkRows = 500;

const connectCalendar = async (api: string, google: GoogleServer, headers: Record<string, string>): Promise<void> => {
  const asked = await call(`${api}/calendar/connect`, { headers, redirect: 'manual' });
  await call(google.consent(asked.headers.get('location') ?? '').href, { headers });
};

/** Registers a user with an API key, a session, and a calendar if there is a Google. Undefined if it is refused. */
const makePerson = async (api: string, google: GoogleServer | undefined) => {
  const { credentials, login } = await newUser(api, 'load');
  const session = await call(`${api}/auth/login`, json({ ...credentials, session: true }));
  const headers = { Authorization: `Bearer ${String(login.body['access_token'])}` };
  const key = await call(`${api}/api-keys`, json({ name: 'load', scopes: [] }, headers));
  if (login.status !== 200 || session.status !== 200 || key.status !== 201) return undefined;
  if (google) await connectCalendar(api, google, headers);
  return {
    ...credentials,
    token: String(login.body['access_token']),
    apiKey: String(key.body['key']),
    cookie: session.headers.get('set-cookie')?.split(';')[0] ?? '',
    csrfToken: String(session.body['csrf_token']),
    hasCalendar: google !== undefined,
  };
};

const chunkOf = (rows: number): Buffer =>
  Buffer.from(strikesStream(Array.from({ length: rows }, (_, index) => 80 + (40 * index) / rows)));

/** Writes what the steps of accounts and jobs need into `directory`. @returns the variables of k6 */
export const prepareLoad = async (
  target: string,
  directory: string,
  google?: GoogleServer,
): Promise<Record<string, string>> => {
  const api = `${target.replace(/\/$/, '')}/api/v1`;
  const people = [];
  for (let made = 0; made < peopleCount; made += 1) {
    const person = await makePerson(api, google);
    if (person) people.push(person);
  }
  if (people.length < peopleCount) {
    console.error(
      `Only ${people.length} of ${peopleCount} users could be made: steps of accounts are sent for those only.`,
    );
  }
  const chunk = join(directory, 'chunk.arrow');
  const file = join(directory, 'people.json');
  writeFileSync(chunk, chunkOf(chunkRows));
  writeFileSync(file, JSON.stringify({ people, chunkPath: chunk, preparedAt: Date.now() }), { mode: 0o600 });
  return { LOAD_PEOPLE: file, CALENDAR: String(google !== undefined) };
};
