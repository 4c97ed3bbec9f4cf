import type { Attack, Field } from '../attack.ts';
import { each } from '../each.ts';
import { mustAnswer, type Person } from '../people.ts';
import { rawRequest } from '../raw-request.ts';

const api = '/api/v1/calendar';
const minAccounts = 16;

/** Connects the calendar of a person to the one account of Google. */
export const connectCalendar = async (
  { port, google }: Field,
  { token, address }: Person,
): Promise<{ readonly status: number; readonly text: string }> => {
  const url = `http://127.0.0.1:${port}${api}/connect`;
  const headers = { 'X-Forwarded-For': address };
  const signal = AbortSignal.timeout(20_000);
  const begun = await fetch(url, {
    headers: { ...headers, Authorization: `Bearer ${token}` },
    redirect: 'manual',
    signal,
  });
  const cookie = begun.headers.get('set-cookie')?.split(';')[0] ?? '';
  const returned = google.consent(begun.headers.get('location') ?? '');
  const ended = await fetch(returned, { headers: { ...headers, Cookie: cookie }, signal });
  return { status: ended.status, text: await ended.text() };
};

/** Syncs of calendars that are as large as they may be. Each keeps its events until its last page is there. */
export const largeCalendars: Attack = {
  name: 'large calendars',
  // Networks take turns at the calls to Google, so the syncs of one network need some time to reach the limit.
  minRequestsForRefusal: 100,
  orKinds: ['storage_quota'],
  run: async (field) => {
    const people = await field.people.make(Math.max(minAccounts, field.addresses.length));
    for (const person of people) await mustAnswer(200, () => connectCalendar(field, person));
    await each(field, { parallel: people.length }, (number, address) =>
      rawRequest({
        ...field,
        address,
        method: 'POST',
        path: `${api}/sync/auto`,
        headers: { Authorization: `Bearer ${people[number % people.length]!.token}` },
      }),
    );
  },
};
