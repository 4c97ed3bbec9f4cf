/** The market of an American put with strike 1. All members are per year and continuously compounded. */
export type PutMarket = {
  readonly rate: number;
  readonly dividendYield: number;
  readonly volatility: number;
};

/**
 * The rate per year at which a finite put approaches the perpetual one: the lower end of the spectrum of the discounted
 * log-spot. It is at least the rate and the yield where these are positive.
 */
export const decayRate = ({ rate, dividendYield, volatility }: PutMarket): number => {
  const drift = rate - dividendYield - 0.5 * volatility * volatility;
  return rate + (drift * drift) / (2 * volatility * volatility);
};

/** The log of the boundary just before expiry, for a put that is exercised below one boundary. */
export const logTop = ({ rate, dividendYield }: PutMarket): number =>
  dividendYield > rate ? Math.log(rate / dividendYield) : 0;
