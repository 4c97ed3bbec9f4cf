import { Agent, request, type Dispatcher } from 'undici';
import { AppError } from '#src/kernel/errors.ts';

/** The key goes into a header: an address ends up in logs and spans. */
export type TwelveDataHttpDeps = {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly connectTimeoutMs: number;
};

export type TwelveDataHttp = {
  /**
   * One GET, not repeated. @returns the body as JSON; of an answer that refuses the request for good, its error object
   * @throws AppError `external_api_unavailable` (not reached, 429), `external_api_bad_response` (5xx, cut short, not
   *   JSON), or the reason of `signal`
   */
  readonly get: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

const largestBody = 32 * 2 ** 20;

const bad = (what: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `The market data provider ${what}`, { cause });

/** Credits come back when the minute turns, which is what the provider's own message says in place of a header. */
export const secondsToNextMinute = (now: number): number => Math.ceil((60_000 - (now % 60_000)) / 1_000);

/** Seconds until a retry makes sense. A date is read against the provider's own clock, which need not be ours. */
const retryAfterOf = (headers: Readonly<Record<string, string | string[] | undefined>>): number => {
  const value = String(headers['retry-after'] ?? '');
  if (/^\d{1,6}$/.test(value)) return Math.max(1, Number(value));
  const theirs = Date.parse(String(headers['date'] ?? ''));
  const now = Number.isNaN(theirs) ? Date.now() : theirs;
  const at = Date.parse(value);
  return Number.isNaN(at) ? secondsToNextMinute(now) : Math.max(1, Math.ceil((at - now) / 1_000));
};

export const throttled = (retryAfter: number): AppError =>
  new AppError('external_api_unavailable', 'The market data provider allows no more requests for now', { retryAfter });

const readText = async (body: Dispatcher.ResponseData['body']): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw bad('answered with more than it should');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw bad('answered with something other than JSON', cause);
  }
};

/** `{ "code": 429, "message": "...", "status": "error" }`, which also comes with HTTP status 200. */
const errorCodeIn = (body: unknown): number | undefined => {
  if (typeof body !== 'object' || body === null || !('status' in body) || body.status !== 'error') return undefined;
  return 'code' in body && typeof body.code === 'number' ? body.code : 500;
};

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
        text = await readText(body);
      } catch (cause) {
        signal.throwIfAborted();
        throw cause instanceof AppError ? cause : bad('broke off in the middle of its answer', cause);
      }
      if (statusCode === 429) throw throttled(retryAfterOf(answered));
      if (statusCode >= 500) throw bad(`answered with status ${statusCode}`);
      const content = parse(text);
      const code = errorCodeIn(content);
      if (code === 429) throw throttled(retryAfterOf(answered));
      if (code !== undefined && code >= 500) throw bad(`answered with error ${code}`);
      if (statusCode !== 200 && code === undefined) throw bad(`answered with status ${statusCode}`);
      return content;
    },
    close: () => agent.destroy(),
  };
};
