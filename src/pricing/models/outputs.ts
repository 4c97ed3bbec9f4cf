/** The order in which engines write their results: `price`, the greeks of the API, the volatility behind a price. */
export const outputNames = [
  'price',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'dividend_rho',
  'vanna',
  'volga',
  'charm',
  'veta',
  'speed',
  'zomma',
  'color',
  'ultima',
  'dual_delta',
  'dual_gamma',
  'implied_volatility',
] as const;
export type OutputName = (typeof outputNames)[number];
export type GreekName = Exclude<OutputName, 'price' | 'implied_volatility'>;

export const greekNames = outputNames.slice(1, -1) as readonly GreekName[];
/** What `greeks` answers when `outputs` is absent: the first-order greeks and gamma. */
export const defaultGreeks: readonly GreekName[] = greekNames.slice(0, 6);

export const indexOfOutput = Object.fromEntries(outputNames.map((name, index) => [name, index])) as Readonly<
  Record<OutputName, number>
>;
