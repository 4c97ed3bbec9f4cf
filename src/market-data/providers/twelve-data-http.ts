import { retryAfterSeconds, secondsToNextMinute, senderTime } from '#src/kernel/http-answers.ts';
import type { JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';
import {
  badResponse,
  createProviderRequests,
  parseJson,
  refusesRequest,
  throttled,
  type ProviderAnswer,
  type RefusedRequest,
} from './http/provider-requests.ts';

/** `apiKey` is sent in a header, because URLs are written to logs and spans. */
export type TwelveDataHttpDeps = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly connectTimeoutMs: number;
};

/** `symbols`: their number in the query. */
type SymbolQuery = { readonly query: Readonly<Record<string, string>>; readonly symbols: number };

export type TwelveDataHttp = {
  /**
   * Sends one GET request, without retries.
   * @returns the parsed JSON body or the error object of the provider if a retry cannot help, or the status of another refusal
   * @throws AppError `external_api_unavailable` (no connection, 429), `external_api_bad_response` (5xx, incomplete
   *   body, not JSON), or the reason of `signal`
   */
  readonly get: (
    path: string,
    query: SymbolQuery,
    signal: AbortSignal,
  ) => Promise<{ readonly body: unknown } | RefusedRequest>;
  readonly close: () => Promise<void>;
};

/** Max bars of one symbol in one answer: `outputsize` of a request. */
export const maxBarsPerPage = 5_000;
/** A bar has 7 values. */
const shapeOf = (symbols: number): JsonShapeLimits => ({
  maxDepth: 6,
  maxItems: maxBarsPerPage,
  maxMembers: Math.max(50, symbols),
  maxValues: symbols * (10 * maxBarsPerPage + 50),
});

/** Without `Retry-After` the provider renews the credits at the next minute; it says so only in its message. */
const retryAfterOf = (headers: ProviderAnswer['headers']): number =>
  retryAfterSeconds(headers) ?? secondsToNextMinute(senderTime(headers));

/**
 * The code of an error object such as `{ "code": 429, "message": "...", "status": "error" }`, also with HTTP status
 * 200.
 */
const errorCodeIn = (body: unknown): number | undefined => {
  if (typeof body !== 'object' || body === null || !('status' in body) || body.status !== 'error') return undefined;
  return 'code' in body && typeof body.code === 'number' ? body.code : 500;
};

/** A server in front of the provider refuses a request with a text, for example because its symbols are too long. */
const contentOf = ({ statusCode, bytes }: ProviderAnswer, symbols: number): unknown => {
  try {
    return parseJson(bytes, shapeOf(symbols));
  } catch (error) {
    if (refusesRequest(statusCode)) return undefined;
    throw error;
  }
};

/** HTTP client of api.twelvedata.com. */
export const createTwelveDataHttp = ({ baseUrl, apiKey, connectTimeoutMs }: TwelveDataHttpDeps): TwelveDataHttp => {
  const headers = { authorization: `apikey ${apiKey}`, accept: 'application/json' };
  const requests = createProviderRequests({ baseUrl, headers, connectTimeoutMs });

  return {
    get: async (path, { query, symbols }, signal) => {
      const answer = await requests.get(path, query, signal);
      const { statusCode, headers: answered } = answer;
      if (statusCode === 429) throw throttled(retryAfterOf(answered));
      if (statusCode >= 500) throw badResponse(`answered with status ${statusCode}`);
      const body = contentOf(answer, symbols);
      const code = errorCodeIn(body);
      if (code === 429) throw throttled(retryAfterOf(answered));
      if (code !== undefined && code >= 500) throw badResponse(`answered with error ${code}`);
      if (statusCode === 200 || code !== undefined) return { body };
      if (refusesRequest(statusCode)) return { refusedWith: statusCode };
      throw badResponse(`answered with status ${statusCode}`);
    },
    close: requests.close,
  };
};
