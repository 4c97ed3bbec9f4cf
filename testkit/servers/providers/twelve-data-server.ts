import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { answerBroken, type BrokenKind } from './broken-answers.ts';

export type WireBar = { datetime: string; open: string; high: string; low: string; close: string; volume?: string };

/** The fault of the next answers; with `undefined` they are as documented. */
export type TwelveDataFault =
  | { readonly kind: 'throttle'; readonly retryAfter?: string; readonly inBody?: boolean }
  | { readonly kind: 'status'; readonly status: number; readonly text?: string }
  | { readonly kind: 'error_in_200'; readonly code: number }
  | { readonly kind: BrokenKind }
  | { readonly kind: 'change'; readonly change: (body: Record<string, unknown>) => unknown };

export type TwelveDataServer = {
  readonly url: string;
  readonly requests: readonly {
    readonly query: URLSearchParams;
    readonly authorization: string | undefined;
    /** Names and values in turn, as they came over the network. */
    readonly rawHeaders: readonly string[];
  }[];
  fault: TwelveDataFault | undefined;
  /** Bars by symbol, oldest first. */
  readonly bars: Map<string, WireBar[]>;
  /** Milliseconds that the clock of this server is ahead of the clock of the test. */
  clockSkewMs: number;
};

export const apiKey = 'canary-twelve-data-key-9b1c';

const bar = (datetime: string, close: number): WireBar => {
  const [open, high, low] = [close - 0.5, close + 1, close - 1].map((value) => value.toFixed(5));
  return { datetime, open: open!, high: high!, low: low!, close: close.toFixed(5), volume: '1000' };
};

/** `count` months from 2000-01 on, a slow rise. */
const monthlyBars = (start: number, count = 24): WireBar[] =>
  Array.from({ length: count }, (_, month) =>
    bar(`${2000 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}-01`, start * (1 + month / 100)),
  );

/** Every weekday from 2000-01-03 on. */
const dailyBars = (start: number, count: number): WireBar[] => {
  const bars: WireBar[] = [];
  for (let day = Date.UTC(2000, 0, 3); bars.length < count; day += 86_400_000) {
    const weekday = new Date(day).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    const { volume: _, ...index } = bar(new Date(day).toISOString().slice(0, 10), start + bars.length / 10);
    bars.push(index);
  }
  return bars;
};

const error = (code: number, message: string) => ({ code, message, status: 'error' });

const seriesOf = (server: TwelveDataServer, symbol: string, query: URLSearchParams): Record<string, unknown> => {
  const all = server.bars.get(symbol);
  if (!all) return error(404, '**symbol** or **figi** parameter is missing or invalid.');
  const [from, to] = [query.get('start_date') ?? '', query.get('end_date') ?? '9999'];
  const values = all
    .filter(({ datetime }) => datetime >= from && datetime.slice(0, 10) <= to)
    .slice(-Number(query.get('outputsize') ?? 30));
  if (values.length === 0) return error(400, 'No data is available on the specified dates.');
  if (query.get('order')?.toUpperCase() !== 'ASC') values.reverse();
  const meta = {
    symbol,
    interval: query.get('interval'),
    currency: 'USD',
    exchange_timezone: 'America/New_York',
    exchange: 'NASDAQ',
    mic_code: 'XNGS',
    type: 'Common Stock',
  };
  return { meta, values, status: 'ok' };
};

const answer = (server: TwelveDataServer, query: URLSearchParams): Record<string, unknown> => {
  const symbols = (query.get('symbol') ?? '').split(',');
  if (symbols.length === 1) return seriesOf(server, symbols[0]!, query);
  return Object.fromEntries(symbols.map((symbol) => [symbol, seriesOf(server, symbol, query)]));
};

type Send = (status: number, content: unknown, headers?: Record<string, string>) => void;

const throttle = ({ inBody, retryAfter }: { inBody?: boolean; retryAfter?: string }, send: Send): void => {
  const spent = error(429, 'You have run out of API credits for the current minute.');
  send(inBody ? 200 : 429, spent, retryAfter ? { 'Retry-After': retryAfter } : {});
};

const respond = async (server: TwelveDataServer, query: URLSearchParams, response: ServerResponse): Promise<void> => {
  const { fault } = server;
  const body = answer(server, query);
  const send = (status: number, content: unknown, headers: Record<string, string> = {}): void => {
    const date = new Date(Date.now() + server.clockSkewMs).toUTCString();
    response.writeHead(status, { 'Content-Type': 'application/json', Date: date, ...headers });
    response.end(typeof content === 'string' ? content : JSON.stringify(content));
  };
  if (fault === undefined) return send(200, body);
  switch (fault.kind) {
    case 'throttle':
      return throttle(fault, send);
    case 'status':
      return send(fault.status, fault.text ?? error(fault.status, 'Something went wrong'));
    case 'error_in_200':
      return send(200, error(fault.code, 'Something went wrong'));
    case 'change':
      return send(200, fault.change(structuredClone(body)));
    default:
      return answerBroken(fault.kind, JSON.stringify(body), response);
  }
};

/** A server that answers `time_series` requests in the format of Twelve Data. A test sets `fault` to make it fail. */
export const startTwelveDataServer = async (t: Pick<ExecutionContext, 'teardown'>): Promise<TwelveDataServer> => {
  const requests: TwelveDataServer['requests'][number][] = [];
  const listener = createServer((request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { authorization } = request.headers;
    requests.push({ query: url.searchParams, authorization, rawHeaders: request.rawHeaders });
    response.on('error', () => {});
    if (authorization !== `apikey ${apiKey}`) {
      response.writeHead(401).end(JSON.stringify(error(401, '**apikey** parameter is incorrect or not specified.')));
    } else if (url.pathname !== '/time_series') response.writeHead(404).end('{}');
    else void respond(server, url.searchParams, response);
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const server: TwelveDataServer = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    requests,
    fault: undefined,
    clockSkewMs: 0,
    bars: new Map([
      ...['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'].map((symbol, index) => [symbol, monthlyBars(50 + index)] as const),
      ['SPX', dailyBars(1_400, 5_300)],
    ]),
  };
  t.teardown(async () => {
    listener.closeAllConnections();
    await new Promise<void>((done) => listener.close(() => done()));
  });
  return server;
};
