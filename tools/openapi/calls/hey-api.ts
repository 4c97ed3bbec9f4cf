import {
  getAssetsSymbolPrices,
  getRefreshes,
  postAuthToken,
  postPricingBatch,
  postPricingGreeks,
  postPricingImpliedVolatility,
  postPricingPrice,
} from '../generated/hey-api/index.ts';
import { client } from '../generated/hey-api/client.gen.ts';
import { check, isDelta, isPrice, isVolatility, option } from './expected.ts';

declare const process: { readonly argv: readonly string[] };
const [, , baseUrl = '', clientId = '', clientSecret = ''] = process.argv;
client.setConfig({ baseUrl });

const price = await postPricingPrice({ body: option });
check('price', isPrice(price.data?.price));

const greeks = await postPricingGreeks({ body: { ...option, outputs: ['delta'] } });
check('greeks', isDelta(greeks.data?.delta));

const { volatility: _, ...inputs } = option;
const implied = await postPricingImpliedVolatility({ body: { ...inputs, price: 4.178299716 } });
check('implied volatility', isVolatility(implied.data?.implied_volatility));

const columns = await postPricingBatch({ body: { columns: { ...option, strike: [105, null] } } });
const answer = columns.data;
check('batch of columns', typeof answer === 'object' && 'columns' in answer && isPrice(answer.columns.price?.[0]));

const prices = await getAssetsSymbolPrices({ path: { symbol: 'AAPL' }, query: { limit: 3 } });
check('prices', prices.data?.data.length === 3 && typeof prices.data.data[0]?.close === 'number');

const wrong = await postPricingPrice({ body: { ...option, spot: -1 } });
check('problem document', wrong.error?.code === 'validation_failed');

const token = await postAuthToken({
  body: { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
});
const refreshes = await getRefreshes({ auth: () => token.data?.access_token });
check('token and refreshes', typeof refreshes.data?.data[0]?.status === 'string');
