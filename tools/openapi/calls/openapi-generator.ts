/** Calls the service with the client that openapi-generator has generated for axios: BASE_URL CLIENT_ID CLIENT_SECRET. */
import { isAxiosError } from 'axios';
import { Configuration, MarketDataApi, PricingApi } from '../generated/openapi-generator-typescript-axios/index.ts';
import { check, isPrice, option } from './expected.ts';

declare const process: { readonly argv: readonly string[] };

const configuration = new Configuration({ basePath: process.argv[2] });
const pricing = new PricingApi(configuration);

const { data: priced } = await pricing.postPricingPrice(option);
check('price', isPrice(priced.price));
const { data: assets } = await new MarketDataApi(configuration).getAssets();
check('assets', assets.data.length > 0);
const wrong = await pricing.postPricingPrice({ ...option, spot: -1 }).catch((error: unknown) => error);
check('problem document', isAxiosError(wrong) && wrong.response?.status === 422);
