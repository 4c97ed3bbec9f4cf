import { Agent, request } from 'undici';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import {
  limitInterimAnswers,
  parseLimitedJson,
  readLimitedBytes,
  retryAfterSeconds,
  secondsToNextMinute,
} from '#src/kernel/http-answers.ts';

type GoogleRequest = {
  readonly url: URL;
  /** Sent as a form with POST. Without it the request is a GET. */
  readonly form?: Readonly<Record<string, string>>;
  readonly accessToken?: string;
};

export type GoogleAnswer = {
  readonly status: number;
  /** The parsed body; undefined if it is not JSON, or if its status is not 200 and it is beyond the limits. */
  readonly body: unknown;
  /** The size of the body. */
  readonly bytes: number;
  /** Seconds until the next attempt, if Google said so. */
  readonly retryAfter: number | undefined;
};

export type GoogleHttp = {
  /**
   * Sends one request, without retries and without redirects.
   * @throws AccountRefused for a request with an access token: the body is too large, or it is JSON beyond the limits with status 200
   * @throws AppError `external_api_unavailable` (no connection), `external_api_bad_response` (5xx, incomplete body; without
   *   an access token also a body beyond the limits), or the reason of `signal`
   */
  readonly send: (request: GoogleRequest, signal: AbortSignal) => Promise<GoogleAnswer>;
  readonly close: () => Promise<void>;
};

export const badResponse = (problem: string, cause?: unknown): AppError =>
  new AppError('external_api_bad_response', `Google ${problem}`, { cause });

/**
 * Google refuses one account or one request, because of what its user or caller has done. It is no fault of Google, so it is thrown outside
 * of the policy: it opens no circuit for others, and is not tried again.
 */
export class AccountRefused extends Error {
  override readonly name = 'AccountRefused';
  /** What the caller of the client gets. */
  readonly error: AppError;

  constructor(error: AppError) {
    super(error.code);
    this.error = error;
  }
}

/** Error for a request limit of Google. `retryAfter` is in seconds. */
export const throttled = (retryAfter: number): AppError =>
  new AppError('external_api_unavailable', 'The request limit of Google is reached', { retryAfter });

/** A page has up to 2,500 events at Google, and an event with 200 attendees has about 1,500 values. */
const shape = { maxDepth: 16, maxItems: 2_500, maxMembers: 500, maxValues: 1_000_000 } as const;

/**
 * Error for an answer beyond the limits. With an access token it holds the data of one account, whose user may have written them, so it is
 * no fault of Google.
 */
const beyondLimits = ({ accessToken }: GoogleRequest, problem: string): AppError | AccountRefused => {
  const error = badResponse(problem);
  return accessToken === undefined ? error : new AccountRefused(error);
};

/** An answer other than 200 can come from a proxy, with any text. Its status says enough, so its body is never a fault. */
const parse = (bytes: Buffer, status: number, wanted: GoogleRequest): unknown => {
  try {
    return parseLimitedJson(bytes, shape, () => beyondLimits(wanted, 'answered with JSON beyond its limits'));
  } catch (error) {
    // Text that is not JSON is a fault that the reader of the answer names.
    if (status === 200 && !(error instanceof SyntaxError)) throw error;
    return undefined;
  }
};

export type GoogleHttpSettings = {
  readonly connectTimeoutMs: number;
  /** Max size of one answer. */
  readonly maxBodyBytes: number;
};

/** The HTTP client of all Google endpoints. Tokens are sent in headers and forms only, because URLs reach spans. */
export const createGoogleHttp = ({ connectTimeoutMs, maxBodyBytes }: GoogleHttpSettings): GoogleHttp => {
  const agent = new Agent({ connect: { timeout: connectTimeoutMs }, connections: 8, pipelining: 1 });

  const open = async ({ url, form, accessToken }: GoogleRequest, signal: AbortSignal) => {
    try {
      return await request(url, {
        dispatcher: agent,
        signal,
        onInfo: limitInterimAnswers(),
        method: form ? 'POST' : 'GET',
        headers: {
          accept: 'application/json',
          ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
        },
        ...(form && { body: new URLSearchParams(form).toString() }),
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new AppError('external_api_unavailable', 'Google cannot be reached', { cause });
    }
  };

  return {
    send: async (wanted, signal) => {
      const { statusCode: status, headers, body } = await open(wanted, signal);
      let bytes: Buffer;
      try {
        bytes = await readLimitedBytes(body, maxBodyBytes, () =>
          beyondLimits(wanted, 'answered with a body that is too large'),
        );
      } catch (cause) {
        signal.throwIfAborted();
        if (cause instanceof AppError || cause instanceof AccountRefused) throw cause;
        throw badResponse('answered with an incomplete body', cause);
      }
      const retryAfter = retryAfterSeconds(headers);
      if (status === 429) throw throttled(retryAfter ?? secondsToNextMinute(Date.now()));
      if (status >= 500) throw badResponse(`answered with status ${status}`);
      return { status, body: parse(bytes, status, wanted), bytes: bytes.length, retryAfter };
    },
    close: () => agent.destroy(),
  };
};
