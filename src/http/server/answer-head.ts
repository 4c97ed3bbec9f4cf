import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { listSecurityHeaders } from './security-headers.ts';

/** Node calls it once for each answer, with the status line and the headers that were set. */
type Internals = { readonly _storeHeader: (statusLine: string, headers: unknown) => void };
type ResponseClass = new (request: IncomingMessage) => ServerResponse;

/** Whether Node writes the head of an answer with the function that was replaced. */
const writes = (Response: ResponseClass, text: string): boolean => {
  const response = new Response(new IncomingMessage(new Socket()));
  response.writeHead(200);
  const { _header: head } = response as unknown as { readonly _header?: unknown };
  return typeof head === 'string' && head.includes(text);
};

/**
 * A response that writes the security headers as one text behind the status line. They are the same for all answers, and
 * ten calls of `setHeader` took about 4 microseconds of each request (docs/decisions/0245).
 * @throws Error if a release of Node does not call the function with the status line, because answers would lack the headers
 */
export const responseWithHeaders = (production: boolean): ResponseClass => {
  const text = listSecurityHeaders(production)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const { _storeHeader: store } = ServerResponse.prototype as unknown as Partial<Internals>;
  const Response = class extends ServerResponse {
    _storeHeader(statusLine: string, headers: unknown): void {
      store?.call(this, statusLine + text, headers);
    }
  };
  if (!writes(Response, text)) throw new Error('This release of Node writes the head of an answer in another way');
  return Response;
};
