import { send } from './requests.ts';
import { oneOf } from './random.ts';

export const symbols = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'] as const;
export const indexes = ['TECH5_EW', 'TECH5_PW', 'SP500'] as const;

const etags: Record<string, string> = {};

/** Reads with the ETag of the last answer to the same caller. */
export const read = (path: string, route: string, given: Record<string, string> = {}, caller = ''): void => {
  const key = `${caller} ${path}`;
  const known = etags[key];
  const headers = known === undefined ? given : { ...given, 'if-none-match': known };
  const response = send({ method: 'GET', path, route, headers, expect: [200, 304] });
  const etag = response.headers['Etag'];
  if (etag !== undefined) etags[key] = etag;
};

/** Requests two pages of a list. The second request uses the cursor of the first page. */
export const pages = (): void => {
  const symbol = oneOf(symbols);
  const route = '/assets/{symbol}/prices';
  const first = send({ method: 'GET', path: `/assets/${symbol}/prices?limit=50`, route });
  if (first.status !== 200) return;
  const cursor = first.json('page.next_cursor');
  if (typeof cursor === 'string') {
    send({ method: 'GET', path: `/assets/${symbol}/prices?limit=50&cursor=${encodeURIComponent(cursor)}`, route });
  }
};
