import { createAuthorizer, tokenRequest, type Credentials, type TokenAnswer } from './credentials.js';
import { ConnectionFailedError, errorOf, ProblemError, VolwatchError } from './problem.js';
import { isRepeatable, takesIdempotencyKey, waitMs, type Retries } from './retries.js';

export type Fetch = (request: Request) => Promise<Response>;

export type TransportDeps = {
  readonly url: string;
  readonly credentials: Credentials | undefined;
  readonly retries: Retries;
  /** Max time of one attempt. */
  readonly timeoutMs: number;
  /** The trace context of the caller, in the form of the header `traceparent`. */
  readonly traceparent: (() => string | undefined) | undefined;
  readonly fetch: Fetch;
};

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

/**
 * A `fetch` with credential, trace context and retries. It resolves with successes and 304; all else is thrown as a typed
 * error. A request that its caller aborts rejects with the reason of the signal.
 */
export const createTransport = (deps: TransportDeps): Fetch => {
  const attempt = async (request: Request, body: ArrayBuffer | undefined): Promise<Response> => {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(deps.timeoutMs)]);
    let response: Response;
    try {
      // The service redirects nobody. A redirect to another host would get the credential and the body.
      response = await deps.fetch(new Request(request, { signal, redirect: 'manual', ...(body && { body }) }));
      if (response.ok || response.status === 304) return response;
    } catch (error) {
      request.signal.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ConnectionFailedError(`${request.method} ${new URL(request.url).pathname}: ${reason}`, { cause });
    }
    throw await errorOf(response, request);
  };

  const attempts = async (request: Request, body: ArrayBuffer | undefined): Promise<Response> => {
    let waitedMs = 0;
    for (let count = 1; ; count++) {
      try {
        return await attempt(request.clone(), body);
      } catch (error) {
        if (!(error instanceof VolwatchError)) throw error;
        const wait = waitMs(deps.retries, error, { count, waitedMs, repeatable: isRepeatable(request) });
        if (wait === undefined) throw error;
        waitedMs += wait;
        await sleep(wait, request.signal);
      }
    }
  };

  const authorizer = createAuthorizer(deps.credentials, async (credentials) => {
    const response = await attempts(tokenRequest(deps.url, credentials), undefined);
    return (await response.json()) as TokenAnswer;
  });

  return async (given) => {
    const headers = new Headers(given.headers);
    const traceparent = deps.traceparent?.();
    if (traceparent !== undefined && !headers.has('traceparent')) headers.set('traceparent', traceparent);
    if (takesIdempotencyKey(given.method, given.url) && !headers.has('idempotency-key')) {
      headers.set('idempotency-key', crypto.randomUUID());
    }
    // Read once, because a body that is a stream can be sent only once.
    const body = given.body === null ? undefined : await given.arrayBuffer();
    const plain = { method: given.method, signal: given.signal };
    for (let renewals = 0; ; renewals++) {
      for (const [name, value] of Object.entries(await authorizer.headers())) headers.set(name, value);
      try {
        return await attempts(new Request(given.url, { ...plain, headers }), body);
      } catch (error) {
        // A token can end before its time, for example when the keys of the service change.
        const isRefused = error instanceof ProblemError && error.category === 'authentication';
        if (!isRefused || renewals > 0 || !authorizer.renew(headers.get('authorization'))) throw error;
      }
    }
  };
};
