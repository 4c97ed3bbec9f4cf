import type { MakeStep } from './step.ts';

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const { volatility: _, ...withoutVolatility } = option;
const { spot: __, ...withoutMarket } = withoutVolatility;
const heston = { v0: 0.04, kappa: 1.5, theta: 0.04, sigma: 0.3, rho: -0.6 };
const american = { ...option, option_type: 'put', exercise_style: 'american' };

const { time_to_expiry: ___, ...withoutTime } = option;
const { strike: ____, option_type: _____, ...onlyMarket } = withoutTime;
const valuation = { valuation_date: '2026-11-26' };
const surface = { spot: 100, rate: 0.02, dividend_yield: 0.01 };
const dated = { ...withoutTime, ...valuation, expiry: '2027-05-21' };

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
  post('/price', 'expiry', 'An expiry date in place of years', dated),
  post('/price', 'contract', 'An OCC symbol in place of strike, expiry and type', {
    ...onlyMarket,
    ...valuation,
    contract: 'AAPL  270521C00105000',
  }),
  post('/price', 'dated_dividends', 'Dividends by date', {
    ...dated,
    day_count: 'ACT/ACT ISDA',
    dividends: [{ date: '2027-02-10', amount: 1.5 }],
  }),
  post('/price', 'american', 'An American option without a model: the answer says which was chosen', american),
  post('/price', 'warning', 'A volatility that is probably in percent', { ...option, volatility: 20 }),
  post('/greeks', 'first_order', 'The usual greeks', option),
  post('/greeks', 'chosen', 'Chosen greeks', { ...option, outputs: ['delta', 'gamma', 'vanna'] }),
  post('/greeks', 'market_units', 'Vega and rho per 1 %, theta per day', { ...option, units: 'market' }),
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
  post('/grid', 'ladder', 'Two positions over three spots and two days', {
    positions: [
      { id: 'A', quantity: 10, ...option },
      { id: 'B', quantity: -5, ...american },
    ],
    spot_shifts: [-0.05, 0, 0.05],
    days: [0, 7],
    outputs: ['delta', 'gamma'],
  }),
  post('/grid', 'option', 'One option over volatilities, in the units of the market', {
    option,
    volatility_shifts: [-0.01, 0, 0.01],
    outputs: ['vega', 'theta'],
    units: 'market',
  }),
  post('/calibrate', 'surface', 'Heston to implied volatilities of two expiries', {
    ...surface,
    quotes: [
      [90, 0.25, 0.2398],
      [100, 0.25, 0.2042],
      [110, 0.25, 0.1755],
      [90, 1, 0.2342],
      [100, 1, 0.2138],
      [110, 1, 0.1957],
    ].map(([strike, years, implied]) => ({
      strike,
      time_to_expiry: years,
      option_type: 'call',
      implied_volatility: implied,
    })),
  }),
  post('/calibrate', 'not_identified', 'Too few quotes for five parameters: the answer does not call them converged', {
    ...surface,
    ...valuation,
    quotes: [95, 105].map((strike) => ({
      strike,
      expiry: '2027-05-21',
      option_type: 'put',
      price: strike === 95 ? 3.2 : 8.1,
    })),
  }),
  () => ({ operation: `GET ${api}/models`, name: 'all', summary: 'All models', isAnswerHidden: true }),
  () => ({
    operation: 'POST /api/v1/ml/volatility-forecast',
    name: 'garch',
    summary: 'Five days of the S&P 500 by GARCH(1,1)',
    caller: 'client',
    body: { symbol: '^GSPC', method: 'garch11', horizon_periods: 5 },
  }),
];
