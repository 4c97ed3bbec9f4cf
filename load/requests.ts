import { check } from 'k6';
import http, { type RefinedResponse, type ResponseType } from 'k6/http';
import { Counter } from 'k6/metrics';
import { callerHeaders } from './people.ts';
import { api } from './target.ts';
import { levelOf } from './thresholds.ts';

export const optionsPriced = new Counter('options_priced');
const staleAnswers = new Counter('stale_answers');
/** Reads that were refused because no connection became free in time. */
export const poolExhausted = new Counter('pool_exhausted');
export const rolledBackRefreshes = new Counter('rolled_back_refreshes');
/** Answers that a client cannot use: a 5xx, or a status that is wrong for the request. */
const unexpected = new Counter('unexpected_answers');

const hex = (length: number): string => {
  let text = '';
  while (text.length < length) text += Math.floor(Math.random() * 16).toString(16);
  return text;
};

/** A W3C trace context that the client creates, so that a slow request can be found in the trace store. */
const traceparent = (): string => `00-${hex(32)}-${hex(16)}-01`;

export type Call = {
  /** The base URL, if it is not that of TARGET. */
  readonly base?: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** The template of the route. Thresholds and metrics use the template, not the path. */
  readonly route: string;
  readonly body?: unknown;
  readonly form?: Record<string, string>;
  /** Bytes with their media type, in place of a body that is sent as JSON. */
  readonly bytes?: { readonly content: ArrayBuffer; readonly type: string };
  readonly headers?: Record<string, string>;
  readonly expect?: readonly number[];
  /** A service level that replaces the level of the route. */
  readonly level?: string;
};

/** Sends one request with the tag of the route and checks its status. */
export const send = ({
  base = api,
  method,
  path,
  route,
  body,
  form,
  bytes,
  headers = {},
  expect = [200],
  level = levelOf(method, route),
}: Call) => {
  const payload = body === undefined ? (bytes?.content ?? form ?? null) : JSON.stringify(body);
  const response: RefinedResponse<ResponseType | undefined> = http.request(method, `${base}${path}`, payload, {
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(bytes !== undefined && { 'content-type': bytes.type }),
      traceparent: traceparent(),
      ...callerHeaders(headers),
      ...headers,
    },
    tags: { name: `${method} ${route}`, route, slo: level },
    responseCallback: http.expectedStatuses(...expect),
    timeout: '10s',
  });
  const fine = check(response, { 'status is as expected': ({ status }) => expect.includes(status) }, { route });
  if (!fine) unexpected.add(1, { route, status: String(response.status) });
  if (response.headers['Age'] !== undefined && Number(response.headers['Age']) > 0) staleAnswers.add(1, { route });
  return response;
};
