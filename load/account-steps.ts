import { send } from './requests.ts';
import { apis } from './target.ts';
import { bearer, onePerson, people, tokenOf, type Person } from './people.ts';
import { oneOf, random } from './random.ts';
import { read } from './read-steps.ts';

/** Runs a step for one of the people. Does nothing in a run without people. */
const forOne = (work: (person: Person) => void) => (): void => {
  if (people.length > 0) work(onePerson());
};

const withToken = (work: (headers: Record<string, string>, person: Person) => void): (() => void) =>
  forOne((person) => {
    const token = tokenOf(person);
    if (token !== undefined) work(bearer(token), person);
  });

export const profile = withToken((headers, { email }) => read('/profile', '/profile', headers, email));

/** Reads the settings, and changes them in one of four cases. Another change may come first: 412. */
export const settings = withToken((headers, { email }) => {
  read('/settings', '/settings', headers, email);
  if (random() > 0.25) return;
  const current = send({ method: 'GET', path: '/settings', route: '/settings', headers });
  if (current.status !== 200) return;
  send({
    method: 'PATCH',
    path: '/settings',
    route: '/settings',
    body: { theme: random() < 0.5 ? 'dark' : 'light' },
    headers: { ...headers, 'if-match': current.headers['Etag'] ?? '' },
    expect: [200, 412],
  });
});

/** Signs in and exchanges the refresh token, so that the step needs no token of another step. */
export const signIn = forOne(({ email, password }) => {
  const login = send({ method: 'POST', path: '/auth/login', route: '/auth/login', body: { email, password } });
  if (login.status !== 200) return;
  const form = { grant_type: 'refresh_token', refresh_token: login.json('refresh_token') as string };
  send({ method: 'POST', path: '/auth/token', route: '/auth/token', form });
});

export const apiKeyCaller = forOne(({ apiKey }) => {
  send({ method: 'GET', path: '/auth/me', route: '/auth/me', headers: { 'x-api-key': apiKey } });
});

/** A page with a session: reads the profile, and signs nobody out. */
export const sessionCaller = forOne(({ cookie, csrfToken, email }) => {
  const headers = { cookie, 'sec-fetch-site': 'same-origin' };
  read('/profile', '/profile', headers, `session ${email}`);
  const current = send({ method: 'GET', path: '/settings', route: '/settings', headers });
  if (current.status !== 200 || random() > 0.25) return;
  send({
    method: 'PATCH',
    path: '/settings',
    route: '/settings',
    body: { decimal_places: Math.floor(random() * 6) },
    headers: { ...headers, 'x-csrf-token': csrfToken, 'if-match': current.headers['Etag'] ?? '' },
    expect: [200, 412],
  });
});

export const calendar = withToken((headers, { email, hasCalendar }) => {
  if (!hasCalendar) return;
  read('/calendar/connection', '/calendar/connection', headers, email);
  read('/calendar/events?limit=20', '/calendar/events', headers, email);
  if (random() < 0.1) send({ method: 'POST', path: '/calendar/sync/auto', route: '/calendar/sync/auto', headers });
});

/** Syncs a calendar at any of the instances. The access tokens of the Google of the run expire every few seconds. */
export const calendarSync = withToken((headers, { email, hasCalendar }) => {
  if (!hasCalendar) return;
  const route = '/calendar/sync/auto';
  send({ base: oneOf(apis), method: 'POST', path: route, route, headers });
  if (random() < 0.1) read('/calendar/events?limit=20', '/calendar/events', headers, email);
});
