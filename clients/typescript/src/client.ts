import createFetchClient, { type Client } from 'openapi-fetch';
import type { Credentials } from './credentials.js';
import type { components, paths } from './generated/api.js';
import { arrowPages, arrowType, uploadRequest, type DateRange, type UploadOptions } from './market.js';
import { errorOfRefresh, RefreshTimeoutError, UnexpectedAnswerError } from './problem.js';
import { defaultRetries, type Retries } from './retries.js';
import { createTransport, type Fetch } from './transport.js';

export type ClientOptions = {
  /** Address of the service, for example `https://volwatch.example`. */
  readonly url: string;
  /** Prices and market data need none. */
  readonly credentials?: Credentials;
  /** Parts of the defaults to replace. */
  readonly retries?: Partial<Retries>;
  /** Max time of one attempt, 60 s by default. */
  readonly timeoutMs?: number;
  /** Returns the header `traceparent` of the current span. */
  readonly traceparent?: () => string | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch;
};

export type Refresh = paths['/api/v1/refreshes/{id}']['get']['responses'][200]['content']['application/json'];

type GridOperation = paths['/api/v1/pricing/grid']['post'];
export type GridRequest = NonNullable<GridOperation['requestBody']>['content']['application/json'];
export type GridAnswer = GridOperation['responses'][200]['content']['application/json'];

export type VolwatchClient = {
  /** All routes with their types. Failures are thrown as typed errors, so that `data` of a resolved call is there. */
  readonly api: Client<paths, 'application/json'>;
  /**
   * Prices an Arrow IPC stream of up to 100,000 rows, and returns the stream of the answer. `tableToIPC(table, 'stream')`
   * of apache-arrow makes one, `tableFromIPC` reads one. The outputs are the schema metadata `volwatch.outputs`.
   */
  readonly priceArrow: (stream: Uint8Array) => Promise<Uint8Array>;
  /** Values positions over shifts of spot, volatility and days: columns of all nodes, and their totals. */
  readonly grid: (request: GridRequest) => Promise<GridAnswer>;
  /**
   * The stored prices of an asset, oldest first: one Arrow IPC stream for each page. `tableFromIPC` of apache-arrow reads
   * one, and `new Table(tables.flatMap(({ batches }) => batches))` joins them.
   */
  readonly pricesArrow: (symbol: string, range?: DateRange) => AsyncGenerator<Uint8Array, void, undefined>;
  /** The values of an index, oldest first, as `pricesArrow`. */
  readonly indexValuesArrow: (code: string, range?: DateRange) => AsyncGenerator<Uint8Array, void, undefined>;
  /** Refreshes a universe and waits until it ended. A failed one throws the error of its cause. */
  readonly refresh: (universe: string, options?: { readonly timeoutMs?: number }) => Promise<Refresh>;
  /**
   * Uploads prices (an Arrow IPC stream, or CSV as a text) to a universe whose source is `upload`, and waits until they are
   * stored. Refused rows throw a ProblemError whose `errors` name them. Needs the scope `market:manage`.
   */
  readonly uploadPrices: (universe: string, content: Uint8Array | string, options?: UploadOptions) => Promise<Refresh>;
};

/** Below REQUEST_DEADLINE_MS of the service (30 s by default). */
const maxPreferWaitSeconds = 20;
const maxPollMs = 2_000;

/** The body of a successful call: `await data(client.api.GET(...))`. */
export const data = async <Body>(call: Promise<{ readonly data?: Body; readonly response: Response }>) => {
  const { data: body, response } = await call;
  // The transport throws failures, so that only an answer without a body has no data.
  if (body === undefined && response.status !== 204) {
    throw new UnexpectedAnswerError(`an answer with status ${response.status} has no body`, response.status);
  }
  return body as Exclude<Body, undefined>;
};

/** All items of a list, page after page: `for await (const item of items((cursor) => data(...)))`. */
export async function* items<Item>(
  readPage: (cursor: string | undefined) => Promise<{
    readonly data: readonly Item[];
    readonly page: { readonly next_cursor: string | null };
  }>,
): AsyncGenerator<Item, void> {
  let cursor: string | undefined;
  do {
    const page = await readPage(cursor);
    yield* page.data;
    cursor = page.page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}

/** A client of the Volwatch service. It holds no connection that must be closed. */
export const createClient = (options: ClientOptions): VolwatchClient => {
  const url = options.url.replace(/(?<!\/)\/+$/, '');
  const transport = createTransport({
    url,
    credentials: options.credentials,
    retries: { ...defaultRetries, ...options.retries },
    timeoutMs: options.timeoutMs ?? 60_000,
    traceparent: options.traceparent,
    fetch: options.fetch ?? ((request) => fetch(request)),
  });
  const api = createFetchClient<paths, 'application/json'>({ baseUrl: url, fetch: transport });

  const priceArrow: VolwatchClient['priceArrow'] = async (stream) => {
    const headers = { 'content-type': arrowType, accept: `${arrowType}, application/problem+json` };
    const body = stream as Uint8Array<ArrayBuffer>;
    const response = await transport(new Request(`${url}/api/v1/pricing/batch`, { method: 'POST', headers, body }));
    return new Uint8Array(await response.arrayBuffer());
  };

  const grid: VolwatchClient['grid'] = (body) => data(api.POST('/api/v1/pricing/grid', { body }));

  const pricesArrow: VolwatchClient['pricesArrow'] = (symbol, range = {}) =>
    arrowPages(transport, `${url}/api/v1/assets/${encodeURIComponent(symbol)}/prices`, range);

  const indexValuesArrow: VolwatchClient['indexValuesArrow'] = (code, range = {}) =>
    arrowPages(transport, `${url}/api/v1/indexes/${encodeURIComponent(code)}/values`, range);

  /** Sends a request that starts a refresh, and reads its record until it ended. */
  const ended = async (timeoutMs: number, requestOf: (prefer: string) => Request): Promise<Refresh> => {
    const endsAt = performance.now() + timeoutMs;
    const waitSeconds = Math.max(0, Math.min(maxPreferWaitSeconds, Math.floor(timeoutMs / 1000)));
    const response = await transport(requestOf(`wait=${waitSeconds}`));
    let record = (await response.json()) as Refresh;
    for (let pollMs = 200; record.status === 'running'; pollMs = Math.min(maxPollMs, pollMs * 1.5)) {
      if (performance.now() > endsAt) throw new RefreshTimeoutError(record.id, timeoutMs);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      record = await data(api.GET('/api/v1/refreshes/{id}', { params: { path: { id: record.id } } }));
    }
    if (record.error) throw errorOfRefresh(record, record.error);
    return record;
  };

  const refresh: VolwatchClient['refresh'] = (universe, { timeoutMs = 300_000 } = {}) =>
    ended(timeoutMs, (prefer) => {
      const headers = { 'content-type': 'application/json', prefer };
      return new Request(`${url}/api/v1/refreshes`, { method: 'POST', headers, body: JSON.stringify({ universe }) });
    });

  const uploadPrices: VolwatchClient['uploadPrices'] = (universe, content, options = {}) =>
    ended(options.timeoutMs ?? 300_000, (prefer) => uploadRequest(url, universe, content, options, prefer));

  return { api, priceArrow, pricesArrow, indexValuesArrow, grid, refresh, uploadPrices };
};

export type { components, paths };
