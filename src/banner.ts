import type { Config } from './config/index.ts';

export type Addresses = { readonly url: string; readonly adminUrl: string };

const option = '{"spot":100,"strike":105,"time_to_expiry":0.5,"rate":0.03,"volatility":0.2,"option_type":"call"}';

/** The text on stderr when the service is ready: its addresses, and three commands to try. */
export const banner = ({ url, adminUrl }: Addresses, config: Config): string => `
Volwatch is ready
  API      ${url}/api/v1   documented at ${url}/docs
  health   ${url}/health
  metrics  ${adminUrl}/metrics
  data     ${config.DATABASE_URL === undefined ? `embedded PostgreSQL in ${config.VOLWATCH_DIRECTORY}/` : 'PostgreSQL at DATABASE_URL'}

Try
  curl -s ${url}/api/v1/pricing/price -H 'content-type: application/json' -d '${option}'
  curl -s '${url}/api/v1/indexes/TECH5_EW/values?from=2010-01-01'
  curl -s '${url}/api/v1/assets/AAPL/prices?limit=3&fields=date,close'

Ctrl-C stops it.
`;
