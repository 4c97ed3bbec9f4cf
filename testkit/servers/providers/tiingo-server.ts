import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { answerBroken, brokenKinds, type BrokenKind } from './broken-answers.ts';

/** A daily bar in the format of Tiingo, without the adjusted prices. */
export type TiingoBar = {
  date: string;
  close: number;
  high: number;
  low: number;
  open: number;
  volume: number;
  divCash: number;
  splitFactor: number;
};

/** The fault of the next answers; with `undefined` they are as documented. */
export type TiingoFault = (
  | { readonly kind: 'throttle'; readonly retryAfter?: string }
  /** A spent limit as a text with status 200. */
  | { readonly kind: 'limit_text' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: BrokenKind }
  | { readonly kind: 'change'; readonly change: (bars: Record<string, unknown>[]) => unknown }
) & {
  /** Number of answers with the fault. The server removes it then. Default: no limit. */
  readonly answers?: number;
};

export type TiingoServer = {
  readonly url: string;
  readonly requests: readonly {
    readonly ticker: string;
    readonly query: URLSearchParams;
    readonly authorization: string | undefined;
  }[];
  fault: TiingoFault | undefined;
  /** Selects the tickers that have the fault. Undefined: all. */
  failing: ((ticker: string) => boolean) | undefined;
  /** Bars by ticker, oldest first. */
  readonly bars: Map<string, TiingoBar[]>;
};

export const tiingoKey = 'canary-tiingo-key-51d7';

/** A bar of a day. `date` is `YYYY-MM-DD`. */
export const tiingoBar = (date: string, close: number, actions: Partial<TiingoBar> = {}): TiingoBar => ({
  date: `${date}T00:00:00.000Z`,
  close,
  high: close * 1.01,
  low: close * 0.99,
  open: close,
  volume: 1_000,
  divCash: 0,
  splitFactor: 1,
  ...actions,
});

/** The first `count` weekdays from `from` on. */
export const weekdays = (from: string, count: number): string[] => {
  const days: string[] = [];
  for (let day = Date.parse(`${from}T00:00:00Z`); days.length < count; day += 86_400_000) {
    const weekday = new Date(day).getUTCDay();
    if (weekday !== 0 && weekday !== 6) days.push(new Date(day).toISOString().slice(0, 10));
  }
  return days;
};

/** The bars with prices that are adjusted for the later splits and dividends, as the provider sends them. */
const withAdjusted = (bars: readonly TiingoBar[]): Record<string, unknown>[] => {
  let factor = 1;
  return bars
    .map((bar, index) => ({ bar, before: bars[index - 1] }))
    .toReversed()
    .map(({ bar, before }) => {
      const adjusted = {
        ...bar,
        adjClose: bar.close * factor,
        adjHigh: bar.high * factor,
        adjLow: bar.low * factor,
        adjOpen: bar.open * factor,
        adjVolume: Math.round(bar.volume / factor),
      };
      factor *= (before ? 1 - bar.divCash / before.close : 1) / bar.splitFactor;
      return adjusted;
    })
    .toReversed();
};

const respond = (fault: TiingoFault | undefined, bars: Record<string, unknown>[], response: ServerResponse): void => {
  const send = (status: number, content: string, headers: Record<string, string> = {}): void =>
    void response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(content);
  const isBroken = (kind: string): kind is BrokenKind => brokenKinds.includes(kind as BrokenKind);
  const text = JSON.stringify(bars);
  if (fault === undefined) return send(200, text);
  if (fault.kind === 'throttle') {
    const detail = JSON.stringify({ detail: 'You have run over your hourly request allocation.' });
    return send(429, detail, fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter });
  }
  if (fault.kind === 'limit_text') return send(200, 'You have run over your 500 symbol look up for this month.');
  if (fault.kind === 'status') return send(fault.status, JSON.stringify({ detail: 'Something went wrong.' }));
  if (fault.kind === 'change') return send(200, JSON.stringify(fault.change(bars)));
  if (isBroken(fault.kind)) void answerBroken(fault.kind, text, response);
};

/** A server that answers end-of-day prices in the format of Tiingo. A test sets `fault` to make it fail. */
export const startTiingoServer = async (t: Pick<ExecutionContext, 'teardown'>): Promise<TiingoServer> => {
  const requests: TiingoServer['requests'][number][] = [];
  const listener = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const { authorization } = request.headers;
    const [, encoded] = /^\/tiingo\/daily\/([^/]+)\/prices$/.exec(url.pathname) ?? [];
    const ticker = decodeURIComponent(encoded ?? '');
    requests.push({ ticker, query: url.searchParams, authorization });
    response.on('error', () => {});
    const refuse = (status: number, detail: string): void =>
      void response.writeHead(status).end(JSON.stringify({ detail }));
    const all = server.bars.get(ticker);
    if (authorization !== `Token ${tiingoKey}`) return refuse(401, 'Invalid token.');
    if (!all) return refuse(404, 'Not found.');
    // Without a start date the provider answers the newest bar only.
    const from = url.searchParams.get('startDate') ?? all.at(-1)?.date ?? '';
    const fault = server.failing && !server.failing(ticker) ? undefined : server.fault;
    if (fault?.answers !== undefined) {
      server.fault = fault.answers > 1 ? { ...fault, answers: fault.answers - 1 } : undefined;
    }
    respond(
      fault,
      withAdjusted(all).filter(({ date }) => String(date) >= from),
      response,
    );
  });
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const days = weekdays('2000-01-03', 500);
  const server: TiingoServer = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    requests,
    fault: undefined,
    failing: undefined,
    bars: new Map(
      ['MSFT', 'AMZN', 'IBM', 'AAPL', 'GOOG'].map((symbol, place) => [
        symbol,
        days.map((date, index) => tiingoBar(date, (50 + place) * (1 + index / 1_000))),
      ]),
    ),
  };
  t.teardown(async () => {
    listener.closeAllConnections();
    await new Promise<void>((done) => listener.close(() => done()));
  });
  return server;
};
