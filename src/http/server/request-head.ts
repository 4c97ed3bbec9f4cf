import type { IncomingMessage } from 'node:http';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { hostNameIn } from '#src/kernel/connections/host-name.ts';
import { hasClearEnd } from '#src/kernel/connections/has-clear-end.ts';

export type HeadLimits = {
  /** Max bytes of the request target. */
  readonly urlBytes: number;
  /** Max number of header fields. */
  readonly headerCount: number;
};

/**
 * Fields that must not be repeated. Node silently keeps the first of two, but a proxy before it may keep the second, so
 * the two would see different requests. (Node's parser itself refuses a repeated Content-Length.)
 */
const singletonFields = ['host', 'authorization', 'content-type'];
const singletonLengths = new Set(singletonFields.map(({ length }) => length));

/** Koa gives a path with one of these characters to `url.parse`. RFC 9112 allows none of them in a target. */
const notInTarget = /[\t\n\f\r #\u00a0\ufeff]/;

/** Scheme and host of a URL. The host may be as long as the longest name, with a port. */
const origin = /^https?:\/\/([^/?]{1,259})(?![^/?])/i;

/**
 * Replaces a URL as the target by its path and query, so that Koa reads a path always: `url.parse` throws for some URLs, as for
 * `http://user:%@host/`, and then every middleware would throw. `URL` is not asked, because this comes before each limit and some hosts of 16 KB take
 * it 1.5 ms.
 * @returns false if the target is none of a path, `*` and a URL of HTTP without credentials
 */
export const readTarget = (request: Pick<IncomingMessage, 'url'>): boolean => {
  const { url = '' } = request;
  if (url.startsWith('/')) return !notInTarget.test(url);
  if (url === '*') return true;
  const [begin = '', host = ''] = origin.exec(url) ?? [];
  if (hostNameIn(host) === undefined || notInTarget.test(url)) return false;
  const rest = url.slice(begin.length);
  request.url = rest.startsWith('/') ? rest : `/${rest}`;
  return true;
};

/** Checks the request line and the header section. @throws AppError `uri_too_long`, `headers_too_large`, `malformed_request` */
export const checkHead = (request: IncomingMessage, limits: HeadLimits): void => {
  const { url = '', rawHeaders, httpVersion } = request;
  // Node takes a request line without a version as HTTP/0.9, which has no header section and so no Host.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new AppError('malformed_request', 'The request line needs a version: HTTP/1.0 or HTTP/1.1');
  }
  if (!hasClearEnd(request)) {
    throw new AppError('malformed_request', 'The only transfer coding is chunked, and it needs HTTP/1.1');
  }
  if (url.length > limits.urlBytes) {
    throw new AppError('uri_too_long', `The request target may have at most ${limits.urlBytes} bytes`);
  }
  if (rawHeaders.length > 2 * limits.headerCount) {
    throw new AppError('headers_too_large', `A request may have at most ${limits.headerCount} header fields`);
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (!singletonLengths.has(name.length)) continue;
    const field = name.toLowerCase();
    if (!singletonFields.includes(field)) continue;
    if (seen.has(field)) throw new AppError('malformed_request', `${name} is given more than once`);
    seen.add(field);
  }
  if (!seen.has('host') && httpVersion === '1.1') {
    throw new AppError('malformed_request', 'A Host header is required');
  }
};
