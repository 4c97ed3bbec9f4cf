import { optionsPriced, send } from './requests.ts';
import { bearer, chunk, clientToken } from './people.ts';
import { between, oneOf } from './random.ts';

const option = () => ({
  spot: between(80, 120),
  strike: between(80, 120),
  time_to_expiry: between(0.02, 2),
  rate: between(0, 0.05),
  volatility: between(0.1, 0.6),
  option_type: oneOf(['call', 'put']),
});

export const batch = (rows: number): void => {
  const options = Array.from({ length: rows }, option);
  const response = send({ method: 'POST', path: '/pricing/batch', route: '/pricing/batch', body: { options } });
  if (response.status === 200) optionsPriced.add(rows);
};

export const single = (operation: 'price' | 'greeks'): void => {
  const path = `/pricing/${operation}`;
  const response = send({ method: 'POST', path, route: path, body: option() });
  if (response.status === 200) optionsPriced.add(1);
};

/** Prices an option and asks for the volatility of its price, so that the price always has one. */
export const impliedVolatility = (): void => {
  const { volatility: _, ...inputs } = { ...option(), time_to_expiry: between(0.5, 2) };
  const known = { ...inputs, volatility: between(0.2, 0.6) };
  const priced = send({ method: 'POST', path: '/pricing/price', route: '/pricing/price', body: known });
  if (priced.status !== 200) return;
  const path = '/pricing/implied-volatility';
  const body = { ...inputs, price: priced.json('price') };
  if (send({ method: 'POST', path, route: path, body }).status === 200) optionsPriced.add(1);
};

/** A smile that falls with the strike, at three expiries. */
export const calibrate = (): void => {
  const level = between(0.15, 0.4);
  const quotes = [0.25, 0.5, 1].flatMap((years) =>
    [90, 95, 100, 105, 110].map((strike) => ({
      strike,
      time_to_expiry: years,
      option_type: 'call',
      implied_volatility: level - (0.003 * (strike - 100)) / (1 + years) + 0.00005 * (strike - 100) ** 2,
    })),
  );
  const path = '/pricing/calibrate';
  send({ method: 'POST', path, route: path, body: { spot: 100, rate: 0.02, quotes } });
};

export const forecast = (): void => {
  const token = clientToken();
  if (token === undefined) return;
  const path = '/ml/volatility-forecast';
  const body = { symbol: oneOf(['AAPL', 'MSFT', 'IBM']), method: oneOf(['ewma', 'garch11']), horizon_days: 21 };
  send({ method: 'POST', path, route: path, body, headers: bearer(token) });
};

/** Opens a pricing job, adds a chunk, submits and reads it, and removes it. */
export const pricingJob = (): void => {
  const token = clientToken();
  if (token === undefined || chunk === undefined) return;
  const headers = bearer(token);
  const opened = send({
    method: 'POST',
    path: '/pricing/jobs',
    route: '/pricing/jobs',
    body: {},
    headers: { ...headers, 'idempotency-key': `load-${__VU}-${__ITER}-${Date.now()}` },
    expect: [201],
  });
  if (opened.status !== 201) return;
  const path = `/pricing/jobs/${opened.json('id') as string}`;
  const route = '/pricing/jobs/{id}';
  send({
    method: 'PUT',
    path: `${path}/chunks/1`,
    route: `${route}/chunks/{number}`,
    bytes: { content: chunk, type: 'application/vnd.apache.arrow.stream' },
    headers,
    expect: [202],
  });
  send({ method: 'POST', path: `${path}/submit`, route: `${route}/submit`, headers });
  send({ method: 'GET', path, route, headers });
  send({ method: 'DELETE', path, route, headers, expect: [204] });
};
