/** What each generated client must get from the service; see scripts/verify/openapi. */
export const option = {
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
} as const;

const near = (value: number | null | undefined, expected: number): boolean =>
  typeof value === 'number' && Math.abs(value - expected) < 1e-6;

/** Black-Scholes price and delta of `option`. */
export const isPrice = (value: number | null | undefined): boolean => near(value, 4.178299716);
export const isDelta = (value: number | null | undefined): boolean => near(value, 0.43320437);
export const isVolatility = (value: number | null | undefined): boolean => near(value, 0.2);

export const check = (what: string, passed: boolean): void => {
  if (!passed) throw new Error(`${what} is not as expected`);
  console.log(`ok ${what}`);
};
