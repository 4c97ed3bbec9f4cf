import { retryAfterSeconds, secondsToNextHour, senderTime } from '#src/kernel/http-answers.ts';
import {
  badResponse,
  createProviderRequests,
  parseJson,
  refusesRequest,
  throttled,
  type RefusedRequest,
} from './http/provider-requests.ts';

/** `apiKey` is sent in a header, because URLs are written to logs and spans. */
export type TiingoHttpDeps = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly connectTimeoutMs: number;
};

export type TiingoHttp = {
  /**
   * Asks for the daily prices of a ticker from a day on, without retries.
   * @returns the parsed JSON body, or the status of a refusal: 404 if the provider does not know the ticker
   * @throws AppError `external_api_unavailable` (no connection, request limit), `external_api_bad_response` (another
   *   status, incomplete body, not JSON), or the reason of `signal`
   */
  readonly prices: (
    ticker: string,
    from: string,
    signal: AbortSignal,
  ) => Promise<{ readonly body: unknown } | RefusedRequest>;
  readonly close: () => Promise<void>;
};

/** More days than any share has been traded. */
const maxBars = 50_000;
/** A bar has 13 values. */
const shape = { maxDepth: 4, maxItems: maxBars, maxMembers: 50, maxValues: 20 * maxBars } as const;

/** A spent limit is told as a plain text, in some cases with status 200 in place of 429. */
const limitText = /^\W{0,10}You have run over your/i;

/** HTTP client of the end-of-day prices of api.tiingo.com. */
export const createTiingoHttp = ({ baseUrl, apiKey, connectTimeoutMs }: TiingoHttpDeps): TiingoHttp => {
  const headers = { authorization: `Token ${apiKey}`, accept: 'application/json' };
  const requests = createProviderRequests({ baseUrl, headers, connectTimeoutMs });

  return {
    prices: async (ticker, from, signal) => {
      const path = `tiingo/daily/${encodeURIComponent(ticker)}/prices`;
      // The prices are daily ones for each interval, because it is not documented how splits change resampled prices.
      const query = { startDate: from, resampleFreq: 'daily', sort: 'date', format: 'json' };
      const { statusCode, headers: answered, bytes } = await requests.get(path, query, signal);
      if (statusCode === 429 || limitText.test(bytes.toString('latin1', 0, 64))) {
        throw throttled(retryAfterSeconds(answered) ?? secondsToNextHour(senderTime(answered)));
      }
      if (refusesRequest(statusCode)) return { refusedWith: statusCode };
      if (statusCode !== 200) throw badResponse(`answered with status ${statusCode}`);
      return { body: parseJson(bytes, shape) };
    },
    close: requests.close,
  };
};
