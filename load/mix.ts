import { optionsPriced, send } from './requests.ts';

/** A random number generator with a seed (mulberry32), so that a run can be repeated. */
const createRandom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};
const random = createRandom(Number(__ENV['SEED'] ?? 1) * 7_919 + __VU * 104_729);
const between = (low: number, high: number): number => low + (high - low) * random();
const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

const symbols = ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'] as const;
const indexes = ['TECH5_EW', 'TECH5_PW', 'SP500'] as const;

const option = () => ({
  spot: between(80, 120),
  strike: between(80, 120),
  time_to_expiry: between(0.02, 2),
  rate: between(0, 0.05),
  volatility: between(0.1, 0.6),
  option_type: oneOf(['call', 'put']),
});

const etags: Record<string, string> = {};

const read = (path: string, route: string): void => {
  const known = etags[path];
  const headers: Record<string, string> = known === undefined ? {} : { 'if-none-match': known };
  const response = send({ method: 'GET', path, route, headers, expect: [200, 304] });
  const etag = response.headers['Etag'];
  if (etag !== undefined) etags[path] = etag;
};

const batch = (rows: number): void => {
  const options = Array.from({ length: rows }, option);
  const response = send({ method: 'POST', path: '/pricing/batch', route: '/pricing/batch', body: { options } });
  if (response.status === 200) optionsPriced.add(rows);
};

const single = (operation: 'price' | 'greeks') => (): void => {
  const path = `/pricing/${operation}`;
  const response = send({ method: 'POST', path, route: path, body: option() });
  if (response.status === 200) optionsPriced.add(1);
};

/** Requests two pages of a list. The second request uses the cursor of the first page. */
const pages = (): void => {
  const symbol = oneOf(symbols);
  const route = '/assets/{symbol}/prices';
  const first = send({ method: 'GET', path: `/assets/${symbol}/prices?limit=50`, route });
  if (first.status !== 200) return;
  const cursor = first.json('page.next_cursor');
  if (typeof cursor === 'string') {
    send({ method: 'GET', path: `/assets/${symbol}/prices?limit=50&cursor=${encodeURIComponent(cursor)}`, route });
  }
};

type Step = { readonly share: number; readonly run: () => void };

/** The steps of the usual traffic with their shares. */
const mix: readonly Step[] = [
  { share: 35, run: single('price') },
  { share: 15, run: single('greeks') },
  { share: 8, run: () => batch(10) },
  { share: 4, run: () => batch(100) },
  { share: 2, run: () => batch(1_000) },
  { share: 10, run: () => read(`/assets/${oneOf(symbols)}`, '/assets/{symbol}') },
  { share: 8, run: () => read('/assets', '/assets') },
  { share: 8, run: () => read(`/indexes/${oneOf(indexes)}/values?limit=100`, '/indexes/{code}/values') },
  { share: 6, run: pages },
  { share: 4, run: () => read('/pricing/models', '/pricing/models') },
];
const whole = mix.reduce((sum, { share }) => sum + share, 0);

export const runOne = (): void => {
  let drawn = random() * whole;
  for (const { share, run } of mix) {
    drawn -= share;
    if (drawn < 0) return run();
  }
};
