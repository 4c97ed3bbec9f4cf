import type { IncomingMessage } from 'node:http';
import { AppError } from '#src/kernel/catalogue/errors.ts';

export type HeadLimits = {
  /** Bytes of the request target. */
  readonly urlBytes: number;
  readonly headerCount: number;
};

/**
 * Node keeps the first of two such fields without a word; whoever stands in front of us may have kept the other. (Two
 * Content-Length fields are refused by its parser.)
 */
const singular = ['host', 'authorization', 'content-type'];
const singularLengths = new Set(singular.map(({ length }) => length));

/** @throws AppError `uri_too_long`, `headers_too_large`, `malformed_request` */
export const checkHead = ({ url = '', rawHeaders, httpVersion }: IncomingMessage, limits: HeadLimits): void => {
  if (url.length > limits.urlBytes) {
    throw new AppError('uri_too_long', `The request target may have at most ${limits.urlBytes} bytes`);
  }
  if (rawHeaders.length > 2 * limits.headerCount) {
    throw new AppError('headers_too_large', `A request may have at most ${limits.headerCount} header fields`);
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (!singularLengths.has(name.length)) continue;
    const field = name.toLowerCase();
    if (!singular.includes(field)) continue;
    if (seen.has(field)) throw new AppError('malformed_request', `${name} is given more than once`);
    seen.add(field);
  }
  if (!seen.has('host') && httpVersion === '1.1') {
    throw new AppError('malformed_request', 'A Host header is required');
  }
};
