import type { GoogleServer } from '../servers/google-server.ts';
import type { MakeStep } from './step.ts';

const calendar = '/api/v1/calendar';
const caller = 'client';

export const calendarSteps = (google: Pick<GoogleServer, 'consent'>): readonly MakeStep[] => [
  () => ({
    operation: `GET ${calendar}/connect`,
    name: 'connect',
    summary: 'Begin the consent',
    caller,
    status: 302,
    keep: (_, headers) => {
      const { searchParams } = google.consent(headers.get('location') ?? '');
      return { state: searchParams.get('state') ?? '', code: searchParams.get('code') ?? '' };
    },
  }),
  ({ state = '', code = '' }) => ({
    operation: `GET ${calendar}/callback`,
    name: 'consented',
    summary: 'The consent was given',
    caller,
    query: { state, code },
  }),
  () => ({ operation: `POST ${calendar}/sync/auto`, name: 'first', summary: 'The first sync', caller }),
  () => ({ operation: `GET ${calendar}/connection`, name: 'connected', summary: 'A connected calendar', caller }),
  () => ({
    operation: `GET ${calendar}/events`,
    name: 'day',
    summary: 'The events of a day',
    caller,
    query: { from: '2027-03-01', to: '2027-03-01', limit: '2' },
  }),
  () => ({
    operation: 'GET /api/v1/assets/{symbol}/events',
    name: 'earnings',
    summary: 'Events of the calendar that name an asset',
    caller,
    path: { symbol: 'AAPL' },
    query: { limit: '2' },
  }),
  () => ({
    operation: `DELETE ${calendar}/connection`,
    name: 'disconnect',
    summary: 'Disconnect the calendar',
    caller,
    status: 204,
  }),
];
