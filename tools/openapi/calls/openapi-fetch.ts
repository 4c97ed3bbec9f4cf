import createClient from 'openapi-fetch';
import type { paths } from '../generated/openapi-typescript.d.ts';
import { check, isDelta, isPrice, isVolatility, option } from './expected.ts';

declare const process: { readonly argv: readonly string[] };
const [, , baseUrl = '', clientId = '', clientSecret = ''] = process.argv;
const api = createClient<paths>({ baseUrl });

const price = await api.POST('/api/v1/pricing/price', { body: option });
check('price', isPrice(price.data?.price));

const heston = { v0: 0.04, kappa: 1.5, theta: 0.04, sigma: 0.3, rho: -0.6 };
const { volatility: _, ...inputs } = option;
const byHeston = await api.POST('/api/v1/pricing/price', { body: { ...inputs, model: 'heston', heston } });
check('price by another model', byHeston.data?.model === 'heston');

const bySymbol = await api.POST('/api/v1/pricing/price', {
  body: { symbol: 'AAPL', strike: 200, time_to_expiry: 0.5, rate: 0.03, option_type: 'call' },
});
check('price by symbol', bySymbol.data?.inputs_from?.symbol === 'AAPL');

const greeks = await api.POST('/api/v1/pricing/greeks', { body: { ...option, outputs: ['delta'] } });
check('greeks', isDelta(greeks.data?.delta));

const implied = await api.POST('/api/v1/pricing/implied-volatility', { body: { ...inputs, price: 4.178299716 } });
check('implied volatility', isVolatility(implied.data?.implied_volatility));

const rows = await api.POST('/api/v1/pricing/batch', { body: { options: [option, { ...option, spot: -1 }] } });
const [first, second] = typeof rows.data === 'object' && 'results' in rows.data ? rows.data.results : [];
check('batch of rows', first !== undefined && !('error' in first) && isPrice(first.price));
check('error of a row', second !== undefined && 'error' in second);

const columns = await api.POST('/api/v1/pricing/batch', {
  body: { columns: { ...option, strike: [105, null] }, outputs: ['price', 'delta'] },
});
check(
  'batch of columns',
  typeof columns.data === 'object' && 'columns' in columns.data && isPrice(columns.data.columns.price?.[0]),
);

const prices = await api.GET('/api/v1/assets/{symbol}/prices', {
  params: { path: { symbol: 'AAPL' }, query: { limit: 3 } },
});
// The type is a text too, because the route also answers CSV.
check(
  'prices',
  typeof prices.data === 'object' && prices.data.data.length === 3 && typeof prices.data.data[0]?.close === 'number',
);

const wrong = await api.POST('/api/v1/pricing/price', { body: { ...option, spot: -1 } });
check('problem document', wrong.error?.code === 'validation_failed' && wrong.error.errors?.[0]?.pointer === '/spot');

const token = await api.POST('/api/v1/auth/token', {
  body: { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  bodySerializer: (body) => new URLSearchParams(body as Record<string, string>).toString(),
});
const refreshes = await api.GET('/api/v1/refreshes', {
  headers: { Authorization: `Bearer ${token.data?.access_token}` },
});
check('token and refreshes', typeof refreshes.data?.data[0]?.status === 'string');
