import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What is wrong with the next answers of an endpoint. */
export type GoogleFault =
  | { readonly kind: 'status'; readonly status: number; readonly body?: unknown; readonly retryAfter?: string }
  | { readonly kind: 'hang' | 'reset' | 'truncated' | 'not_json' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'change'; readonly change: (body: Record<string, unknown>) => unknown }
  /** Only of pages after the first one of a list. */
  | { readonly kind: 'later_pages'; readonly fault: GoogleFault }
  /** Is called before the answer, for example to end a process or to wait. */
  | { readonly kind: 'before'; readonly act: () => Promise<void> | void }
  | {
      readonly kind: 'before_status';
      readonly act: () => Promise<void>;
      readonly status: number;
      readonly body: unknown;
    };

export type Reply = { readonly status: number; readonly body: unknown };
export const reply = (status: number, body: unknown): Reply => ({ status, body });

export const send = (response: ServerResponse, { status, body }: Reply, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

const retryAfterHeader = (value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { 'Retry-After': value };

/** The fault of a request, whose query says whether it asks for a later page of a list. */
export const faultOf = (fault: GoogleFault | undefined, query: URLSearchParams): GoogleFault | undefined => {
  if (fault?.kind !== 'later_pages') return fault;
  return query.has('pageToken') ? faultOf(fault.fault, query) : undefined;
};

/** Applies a fault to an answer. @returns the answer to send, or undefined if there is none */
export const spoil = async (
  fault: GoogleFault | undefined,
  response: ServerResponse,
  good: () => Reply,
): Promise<{ readonly reply: Reply; readonly headers: Record<string, string> } | undefined> => {
  const plain = (each: Reply) => ({ reply: each, headers: {} });
  switch (fault?.kind) {
    case undefined:
      break;
    case 'status':
      return {
        reply: reply(fault.status, fault.body ?? {}),
        headers: retryAfterHeader(fault.retryAfter),
      };
    case 'hang':
      return undefined;
    case 'reset':
      response.socket?.resetAndDestroy();
      return undefined;
    case 'not_json':
      return plain(reply(200, '<html>maintenance</html>'));
    case 'truncated': {
      const text = JSON.stringify(good().body);
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': text.length });
      response.write(text.slice(0, text.length / 2));
      await sleep(20);
      response.socket?.resetAndDestroy();
      return undefined;
    }
    case 'delay':
      await sleep(fault.ms);
      break;
    case 'change': {
      const { status, body } = good();
      return plain(reply(status, fault.change(structuredClone(body) as Record<string, unknown>)));
    }
    case 'later_pages':
      throw new Error('Pass a fault through faultOf first');
    case 'before':
      await fault.act();
      break;
    case 'before_status':
      await fault.act();
      return plain(reply(fault.status, fault.body));
  }
  return plain(good());
};
