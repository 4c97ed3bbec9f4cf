import { Agent, request, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { readLimitedText, retryAfterSeconds, secondsToNextMinute, senderTime } from '#src/kernel/http-answers.ts';

/** `apiKey` is sent in a header, because URLs are written to logs and spans. */
export type TwelveDataHttpDeps = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly connectTimeoutMs: number;
};

export type TwelveDataHttp = {
  /**
   * Sends one GET request, without retries.
   * @returns the parsed JSON body, or the error object of the provider if a retry cannot help
   * @throws AppError `external_api_unavailable` (no connection, 429), `external_api_bad_response` (5xx, incomplete
   *   body, not JSON), or the reason of `signal`
   */
  readonly get: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

const maxBodyBytes = 32 * 2 ** 20;

const badResponse = (problem: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `The market data provider ${problem}`, { cause });

/** Without `Retry-After` the provider renews the credits at the next minute; it says so only in its message. */
const retryAfterOf = (headers: Dispatcher.ResponseData['headers']): number =>
  retryAfterSeconds(headers) ?? secondsToNextMinute(senderTime(headers));

/** Error for a request limit of the provider. `retryAfter` is in seconds. */
export const throttled = (retryAfter: number): AppError =>
  new AppError('external_api_unavailable', 'The request limit of the market data provider is reached', { retryAfter });

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw badResponse('answered with something other than JSON', cause);
  }
};

/**
 * The code of an error object such as `{ "code": 429, "message": "...", "status": "error" }`, also with HTTP status
 * 200.
 */
const errorCodeIn = (body: unknown): number | undefined => {
  if (typeof body !== 'object' || body === null || !('status' in body) || body.status !== 'error') return undefined;
  return 'code' in body && typeof body.code === 'number' ? body.code : 500;
};

/** HTTP client of api.twelvedata.com. */
export const createTwelveDataHttp = ({ baseUrl, apiKey, connectTimeoutMs }: TwelveDataHttpDeps): TwelveDataHttp => {
  const agent = new Agent({ connect: { timeout: connectTimeoutMs }, connections: 4, pipelining: 1 });
  const headers = { authorization: `apikey ${apiKey}`, accept: 'application/json' };

  const send = async (url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> => {
    try {
      return await request(url, { dispatcher: agent, headers, signal });
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
      let text: string;
      try {
        text = await readLimitedText(body, maxBodyBytes, () => badResponse('answered with a body that is too large'));
      } catch (cause) {
        signal.throwIfAborted();
        throw cause instanceof AppError ? cause : badResponse('answered with an incomplete body', cause);
      }
      if (statusCode === 429) throw throttled(retryAfterOf(answered));
      if (statusCode >= 500) throw badResponse(`answered with status ${statusCode}`);
      const content = parse(text);
      const code = errorCodeIn(content);
      if (code === 429) throw throttled(retryAfterOf(answered));
      if (code !== undefined && code >= 500) throw badResponse(`answered with error ${code}`);
      if (statusCode !== 200 && code === undefined) throw badResponse(`answered with status ${statusCode}`);
      return content;
    },
    close: () => agent.destroy(),
  };
};
