import { Agent, request, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { limitInterimAnswers, parseLimitedJson, readLimitedBytes } from '#src/kernel/http-answers.ts';
import type { JsonShapeLimits } from '#src/kernel/requests/json-shape.ts';

/** Keys go into `headers`, because URLs are written to logs and spans. */
export type ProviderRequestsDeps = {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
};

export type ProviderAnswer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> & { readonly bytes: Buffer };

export type ProviderRequests = {
  /**
   * Sends one GET request, without retries, and without following redirects.
   * @throws AppError `external_api_unavailable` (no connection), `external_api_bad_response` (an incomplete or too large
   *   body), or the reason of `signal`
   */
  readonly get: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<ProviderAnswer>;
  readonly close: () => Promise<void>;
};

/** The provider refuses one request. It is a value, because it is no fault of the provider: it opens no circuit for others, and is not tried again. */
export type RefusedRequest = { readonly refusedWith: number };

/** These are the same for each request: a refused key, a proxy that wants one, a timeout, a spent limit. */
const notOfTheRequest: ReadonlySet<number> = new Set([401, 403, 407, 408, 429]);

/** Whether an answer refuses what this request asks for, for example its ticker, which the author of a universe has chosen. */
export const refusesRequest = (status: number): boolean =>
  status >= 400 && status < 500 && !notOfTheRequest.has(status);

const maxBodyBytes = 32 * 2 ** 20;

/** Error for an answer that is not as documented. `problem` must hold no text of the answer. */
export const badResponse = (problem: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `The market data provider ${problem}`, { cause });

/** Error for a request limit of the provider. `retryAfter` is in seconds. */
export const throttled = (retryAfter: number): AppError =>
  new AppError('external_api_unavailable', 'The request limit of the market data provider is reached', { retryAfter });

/** @throws AppError `external_api_bad_response` */
export const parseJson = (bytes: Buffer, limits: JsonShapeLimits): unknown => {
  try {
    return parseLimitedJson(bytes, limits, () => badResponse('answered with JSON beyond its limits'));
  } catch (cause) {
    throw cause instanceof AppError ? cause : badResponse('answered with something other than JSON', cause);
  }
};

/** HTTP requests to a provider of prices. The caller judges status and content. */
export const createProviderRequests = ({
  baseUrl,
  headers,
  connectTimeoutMs,
}: ProviderRequestsDeps): ProviderRequests => {
  const agent = new Agent({ connect: { timeout: connectTimeoutMs }, connections: 4, pipelining: 1 });

  const send = async (url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> => {
    try {
      return await request(url, { dispatcher: agent, headers, signal, onInfo: limitInterimAnswers() });
    } catch (cause) {
      signal.throwIfAborted();
      throw new AppError('external_api_unavailable', 'The market data provider cannot be reached', { cause });
    }
  };

  return {
    get: async (path, query, signal) => {
      const url = new URL(path.replace(/^\//, ''), baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
      url.search = new URLSearchParams(query).toString();
      const { statusCode, headers: answered, body } = await send(url, signal);
      try {
        const bytes = await readLimitedBytes(body, maxBodyBytes, () =>
          badResponse('answered with a body that is too large'),
        );
        return { statusCode, headers: answered, bytes };
      } catch (cause) {
        signal.throwIfAborted();
        throw cause instanceof AppError ? cause : badResponse('answered with an incomplete body', cause);
      }
    },
    close: () => agent.destroy(),
  };
};
