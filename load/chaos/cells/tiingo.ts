import { eventually } from '#testkit/eventually.ts';
import type { TiingoFault } from '#testkit/servers/providers/tiingo-server.ts';
import { restartCodes } from './restart-codes.ts';
import type { Cell } from '../cell.ts';
import { secondPart } from '../parts-state.ts';
import type { Scrape } from '../scrape.ts';
import type { World } from '../world.ts';

/** Failed calls, and refreshes that rejected the data of a successful call. */
const failures = (now: Scrape): number =>
  now.sum('volwatch_dependency_request_duration_seconds_count', {
    dependency: 'tiingo',
    outcome: /error|timeout|rejected/,
  }) + now.sum('volwatch_refresh_duration_seconds_count', { universe: 'parts', outcome: 'failed' });

const heal = ({ tiingo }: World): void => {
  tiingo.fault = undefined;
  tiingo.failing = undefined;
};
const isInSecondPart = (ticker: string): boolean => secondPart.includes(ticker);

const cell = (name: string, how: string, fault: TiingoFault, more: Partial<Cell> = {}): Cell => ({
  group: 'tiingo',
  name,
  how,
  probe: 'parts',
  holdMs: 5_000,
  codes: ['external_api_bad_response', 'external_api_unavailable', 'external_api_timeout'],
  deadlineMs: 14_000,
  inject: ({ tiingo }) => {
    tiingo.fault = fault;
  },
  heal,
  hasEffect: (before, now) => failures(now) > failures(before),
  ...more,
});

/** The first part of each fetch succeeds, and is stored. The second part meets the fault. */
const betweenParts = (name: string, how: string, fault: TiingoFault, more: Partial<Cell> = {}): Cell =>
  cell(`${name} between the parts`, how, fault, {
    inject: ({ tiingo }) => {
      tiingo.failing = isInSecondPart;
      tiingo.fault = fault;
    },
    ...more,
  });

export const tiingoCells: readonly Cell[] = [
  cell('server error', '500 on every request', { kind: 'status', status: 500 }),
  cell('silent', 'it accepts requests and never answers', { kind: 'hang' }),
  cell('reset', 'the connection is reset in the middle of the body', { kind: 'reset' }),
  cell('schema drift', 'bars without a split factor', {
    kind: 'change',
    change: (bars) => bars.map((bar) => ({ ...bar, splitFactor: undefined })),
  }),
  betweenParts('server error', '500 after the first part of a fetch was stored', { kind: 'status', status: 500 }),
  betweenParts(
    'request limit',
    '429 after the first part; the refresh waits, and nobody notices',
    { kind: 'throttle', retryAfter: '1' },
    { codes: [], holdMs: 4_000 },
  ),
];

/** The process is killed while it waits for the second part. It is a process cell, because it replaces the process. */
export const killBetweenParts = (): Cell => {
  let sentBefore = 0;
  let killedAtSeconds = Infinity;
  const how =
    'killed after the first part of a fetch was stored, then started again: the fetch continues with the second part';
  return betweenParts(
    'SIGKILL',
    how,
    { kind: 'hang' },
    {
      group: 'process',
      codes: restartCodes,
      processGone: true,
      spansLost: true,
      holdMs: 0,
      inject: async (world) => {
        const { tiingo } = world;
        const sent = tiingo.requests.length;
        tiingo.failing = isInSecondPart;
        tiingo.fault = { kind: 'hang' };
        await eventually(
          () => tiingo.requests.slice(sent).some(({ ticker }) => isInSecondPart(ticker)),
          'the second part is asked for',
          10_000,
        );
        // The start time in the metric is rounded to seconds.
        killedAtSeconds = Math.floor(Date.now() / 1_000);
        world.service().process.kill('SIGKILL');
        await world.service().exited;
        sentBefore = tiingo.requests.length;
      },
      heal: (world) => {
        heal(world);
        return world.restart();
      },
      hasEffect: (_, now, { tiingo }) => {
        const first = tiingo.requests[sentBefore];
        const hasRestarted = now.sum('process_start_time_seconds') >= killedAtSeconds;
        return hasRestarted && first !== undefined && isInSecondPart(first.ticker);
      },
    },
  );
};
