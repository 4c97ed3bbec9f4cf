import type { Route } from '#src/kernel/requests/route.ts';
import type { Json } from './json.ts';

/** The tags in the order of the documentation: first what most readers come for. */
const described = [
  [
    'Pricing',
    'Prices, greeks and implied volatilities: one option, or a batch of up to 100,000 rows as JSON or Arrow.',
  ],
  ['Pricing jobs', 'Batches of up to ten million rows, in chunks.'],
  ['Volatility', 'Forecasts of the volatility of stored assets.'],
  ['Market data', 'Assets, their daily or monthly prices, and indexes.'],
  ['Refreshes', 'Load new market data into a universe.'],
  ['Universes', 'Which assets and indexes a universe has.'],
  ['Authentication', 'Tokens, users and sessions.'],
  ['API keys', 'Keys for programs of a user or a client.'],
  ['Account', 'Profile and settings of a user.'],
  ['Webhooks', 'Signed notices of ended refreshes.'],
  ['Calendar', 'Events of a connected Google Calendar.'],
  ['Audit', 'The append-only trail of changes.'],
  ['Service', 'Health, error codes, and this documentation.'],
] as const;

/** The tags that the routes use, in the order of the documentation. A tag without a description is last. */
export const tagsOf = (routes: readonly Pick<Route, 'tag'>[]): Json[] => {
  const used = new Set(routes.map(({ tag }) => tag));
  const known = described.filter(([name]) => used.delete(name));
  return [
    ...known.map(([name, description]) => ({ name, description })),
    ...[...used].sort().map((name) => ({ name })),
  ];
};
