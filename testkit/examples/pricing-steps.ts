import type { MakeStep } from './step.ts';

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const { volatility: _, ...withoutVolatility } = option;
const { spot: __, ...withoutMarket } = withoutVolatility;
const heston = { v0: 0.04, kappa: 1.5, theta: 0.04, sigma: 0.3, rho: -0.6 };
const american = { ...option, option_type: 'put', exercise_style: 'american' };

const api = '/api/v1/pricing';
const post = (path: string, name: string, summary: string, body: unknown): MakeStep => {
  const operation = `POST ${api}${path}`;
  return () => ({ operation, name, summary, body });
};

export const pricingSteps: readonly MakeStep[] = [
  post('/price', 'call', 'A European call', option),
  post('/price', 'american_put', 'An American put', { ...american, model: 'andersen_lake' }),
  post('/price', 'heston', 'By the Heston model', { ...withoutVolatility, model: 'heston', heston }),
  post('/price', 'barrier', 'An up-and-out call with a rebate', {
    ...option,
    model: 'barrier',
    barrier_type: 'up_out',
    barrier: 125,
    rebate: 1,
  }),
  post('/price', 'digital', 'A digital put that pays 10', {
    ...option,
    option_type: 'put',
    model: 'cash_or_nothing',
    cash: 10,
  }),
  post('/price', 'symbol', 'Spot and volatility from stored prices', { ...withoutMarket, strike: 235, symbol: 'AAPL' }),
  post('/price', 'dividends', 'Discrete dividends', { ...option, dividends: [{ time: 0.25, amount: 1.5 }] }),
  post('/price', 'warning', 'A volatility that is probably in percent', { ...option, volatility: 20 }),
  post('/greeks', 'first_order', 'The usual greeks', option),
  post('/greeks', 'chosen', 'Chosen greeks', { ...option, outputs: ['delta', 'gamma', 'vanna'] }),
  post('/implied-volatility', 'call', 'From the price of a call', { ...withoutVolatility, price: 4.2 }),
  post('/batch', 'rows', 'Rows as objects', {
    options: [
      { id: 'A', ...option },
      { id: 'B', ...american, model: 'baw' },
    ],
    outputs: ['price', 'delta'],
  }),
  post('/batch', 'failed_row', 'A row that fails does not stop the others: no volatility gives the second price', {
    options: [4.2, 200].map((price) => ({ ...withoutVolatility, price })),
    outputs: ['implied_volatility'],
  }),
  post('/batch', 'columns', 'Columns; one value stands for all rows', {
    columns: { ...option, strike: [95, 100, 105], id: ['A', 'B', 'C'] },
    outputs: ['price', 'delta'],
  }),
  post('/batch', 'null_in_a_column', 'A row with null fails', { columns: { ...option, strike: [95, null] } }),
  post('/batch', 'implied_volatilities', 'A price for each row, and the volatility as output', {
    columns: { ...withoutVolatility, strike: [100, 105], price: [6.37, 4.18] },
    outputs: ['implied_volatility'],
  }),
  () => ({ operation: `GET ${api}/models`, name: 'all', summary: 'All models', isAnswerHidden: true }),
  () => ({
    operation: 'POST /api/v1/ml/volatility-forecast',
    name: 'garch',
    summary: 'Five days of the S&P 500 by GARCH(1,1)',
    caller: 'client',
    body: { symbol: '^GSPC', method: 'garch11', horizon_days: 5 },
  }),
];
