import { Agent, request as httpRequest } from 'node:http';
import type { HostileRequest } from './hostile-request.ts';

export type Received = {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};
export type Send = (method: string, request: HostileRequest) => Promise<Received>;

const timeoutMs = 30_000;

/** Sends requests over a few connections that stay open. `fetch` would refuse or change many of the values. */
export const createSender = (url: string): { readonly send: Send; readonly close: () => void } => {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { hostname, port } = new URL(url);
  return {
    send: (method, { target, headers, body }) =>
      new Promise((resolve, reject) => {
        // Node's client refuses a list of Host fields before it sends anything.
        const host = Array.isArray(headers['host']) ? { host: headers['host'].join(',') } : {};
        const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
        const sent = httpRequest(
          {
            agent,
            hostname,
            port,
            method,
            path: target,
            headers: { ...headers, ...host, ...length },
            timeout: timeoutMs,
          },
          (answer) => {
            let text = '';
            answer.setEncoding('utf8');
            answer.on('data', (chunk: string) => (text += chunk));
            answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }));
            answer.on('error', reject);
          },
        );
        sent.on('timeout', () => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)));
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
};
