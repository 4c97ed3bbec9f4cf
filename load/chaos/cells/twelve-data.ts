import type { TwelveDataFault } from '#testkit/servers/providers/twelve-data-server.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

/** Failed calls, and refreshes that rejected the data of a successful call. */
const failures = (now: Scrape): number =>
  now.sum('volwatch_dependency_request_duration_seconds_count', {
    dependency: 'twelve_data',
    outcome: /error|timeout|rejected/,
  }) + now.sum('volwatch_refresh_duration_seconds_count', { universe: 'tech5', outcome: 'failed' });

type Body = Record<string, { values: { close: string }[] }>;
const changeFirstSeries = (
  body: Record<string, unknown>,
  change: (series: { values: { close: string }[] }) => unknown,
): unknown => {
  const [symbol, series] = Object.entries(body as Body)[0]!;
  return { ...body, [symbol]: change(series) };
};

const cell = (name: string, how: string, fault: TwelveDataFault): Cell => ({
  group: 'twelve_data',
  name,
  how,
  probe: 'refresh',
  holdMs: 5_000,
  codes: ['external_api_bad_response', 'external_api_unavailable', 'external_api_timeout'],
  deadlineMs: 12_000,
  inject: ({ twelveData }) => {
    twelveData.fault = fault;
  },
  heal: ({ twelveData }) => {
    twelveData.fault = undefined;
  },
  hasEffect: (before, now) => failures(now) > failures(before),
});

export const twelveDataCells: readonly Cell[] = [
  cell('out of credits', '429 with Retry-After', { kind: 'throttle', retryAfter: '1' }),
  cell('server error', '500 on every request', { kind: 'status', status: 500 }),
  cell('silent', 'it accepts requests and never answers', { kind: 'hang' }),
  cell('reset', 'the connection is reset in the middle of the body', { kind: 'reset' }),
  cell('truncated', 'half a body with status 200', { kind: 'truncated' }),
  cell('error in 200', 'status 200, and the error in the body', { kind: 'error_in_200', code: 500 }),
  cell('schema drift', 'a member has another name', {
    kind: 'change',
    change: (body) => changeFirstSeries(body, ({ values, ...rest }) => ({ ...rest, data: values })),
  }),
  cell('NaN', 'a close is NaN', {
    kind: 'change',
    change: (body) =>
      changeFirstSeries(body, (series) => ({
        ...series,
        values: series.values.map((bar) => ({ ...bar, close: 'NaN' })),
      })),
  }),
  cell('partial', 'one of the symbols is missing', {
    kind: 'change',
    change: (body) => Object.fromEntries(Object.entries(body).slice(1)),
  }),
  cell('slow drip', 'a byte every 50 ms', { kind: 'drip' }),
];
