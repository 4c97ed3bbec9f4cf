import { collidingNumbers } from '#testkit/bodies/colliding-numbers.ts';
import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { once, payloads } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';

const json = { 'Content-Type': 'application/json' };

const pricing =
  (path: string, body: () => Uint8Array, parallel: number): Attack['run'] =>
  async (field) => {
    const bytes = body();
    await each(field, { parallel, grouped: true }, (_, address) =>
      rawRequest({ ...field, address, method: 'POST', path: `/api/v1/pricing/${path}`, headers: json, body: bytes }),
    );
  };

/** Sends more requests at once than one caller may have. */
const manyOf = (name: string, path: string, body: () => Uint8Array, parallel: number): Attack => ({
  name,
  orKinds: ['concurrency_by_caller'],
  run: pricing(path, body, parallel),
});

/** Each request needs minutes of processor time, more than the deadline of a request. */
export const hugeWork: Attack = {
  name: '16 connections of greeks of 100,000 American rows at high precision',
  run: pricing('batch', payloads.americanGreeks, 16),
};

/** Each request needs about 13 s of processor time. It meets the deadline only if there is no other load. */
export const longWork: Attack = {
  name: '16 connections of 100,000 American rows at high precision',
  orKinds: ['concurrency_by_caller', 'work_estimate'],
  run: pricing('batch', payloads.americanPrices, 16),
};

/** They are refused when a process has read them, and had taken the places of others until then. */
export const largeGrids: Attack = {
  name: 'small grids that are too large to calculate',
  orKinds: ['concurrency_by_caller', 'work_by_caller'],
  run: pricing('grid', payloads.largeGrid, 32),
};

/** 2.3 MB: a grid of one option with a dividend at 100,000 days. They were compared with each other in one step, until the process was ended. */
const collidingDays = once(() => {
  const option = { option_type: 'call', spot: 100, strike: 100, time_to_expiry: 1, rate: 0.03, volatility: 0.2 };
  const days = collidingNumbers(100_000, 73_000);
  return Buffer.from(JSON.stringify({ option: { ...option, dividends: [{ time: 0.5, amount: 1 }] }, days }));
});
export const numbersWithOneHash = manyOf('numbers with one hash', 'grid', collidingDays, 32);

/** They take up to ten times their estimate. */
export const hardCalibrations = manyOf('calibrations that do not converge', 'calibrate', payloads.hardCalibration, 32);

export const manyBatches: Attack = {
  name: '64 slow batches at once',
  orKinds: ['work_by_caller'],
  run: pricing('batch', payloads.slowBatch, 64),
};

export const impossibleVolatilities = manyOf(
  '100 volatilities that do not exist',
  'implied-volatility',
  payloads.impossiblePrice,
  100,
);

export const twoBoundaries = manyOf(
  '100 greeks of options with two exercise boundaries',
  'greeks',
  payloads.twoBoundaries,
  100,
);

/** One of them had kept a pricing process busy for minutes. */
export const nearlyNoVolatility = manyOf(
  '100 greeks of options at the money with nearly no volatility',
  'greeks',
  payloads.nearlyNoVolatility,
  100,
);

/** The slow rows had been priced in one slice on the event loop, because the fast ones before them had made the slices large. */
export const nearlyNoTime = manyOf(
  '100 greeks of options on grids with nearly no time',
  'greeks',
  payloads.nearlyNoTime,
  100,
);

export const slowRowsBehindFast = manyOf(
  'batches of slow rows behind fast ones',
  'batch',
  payloads.slowRowsBehindFast,
  64,
);

/** They had been priced on the event loop. */
export const nearlyNoRate = manyOf(
  '100 prices of options with a rate of nearly 0',
  'price',
  payloads.nearlyNoRate,
  100,
);

/** Four callers with some of them had taken all places for short work. */
export const slowSearches = manyOf('small batches of searches that take long', 'batch', payloads.slowSearches, 32);

/** The service reads and refuses these rows itself, because the body is small. */
export const unknownNames: Attack = {
  name: 'rows with unknown members',
  run: pricing('batch', payloads.unknownNames, 8),
};

/** The answers had each error with the whole name, and were not counted. */
export const longNames: Attack = {
  name: 'texts that cannot be stored below a long name',
  run: async (field) => {
    const bodies = [payloads.unstorableTexts(), payloads.longName()];
    await each(field, { parallel: 64, grouped: true }, (number, address) => {
      const body = bodies[number % bodies.length]!;
      return rawRequest({ ...field, address, method: 'POST', path: '/api/v1/pricing/price', headers: json, body });
    });
  },
};

/** The same bytes had been decoded for each entry, in 0.5 s of the process for short work. */
export const sharedMetadata: Attack = {
  name: 'Arrow streams whose metadata share their bytes',
  orKinds: ['body_backlog'],
  run: async (field) => {
    const body = payloads.sharedMetadata();
    const headers = { 'Content-Type': 'application/vnd.apache.arrow.stream' };
    await each(field, { parallel: 50, grouped: true }, (_, address) =>
      rawRequest({ ...field, address, method: 'POST', path: '/api/v1/pricing/batch', headers, body }),
    );
  },
};

/** Their errors are 50 times as long, and the tasks had kept the places for short work until these had been sent. */
export const emptyRows = manyOf('batches of rows without members', 'batch', payloads.emptyRows, 192);

/** The same with the results of grids. */
export const longAnswers = manyOf('grids of 100,000 nodes', 'grid', payloads.longAnswer, 64);

/** Long answers of few rows, which had counted as short by their rows. */
export const manyOutputs = manyOf('columns with all outputs', 'batch', payloads.manyOutputs, 192);
export const gridsOfOutputs = manyOf('grids with all outputs and totals', 'grid', payloads.gridOfOutputs, 192);

/** Their estimate had been a hundredth of their work. */
export const searchesAtExpiry: Attack = {
  name: '100 volatilities of options at their expiry',
  run: pricing('implied-volatility', payloads.searchAtExpiry, 100),
};

/** The estimate had not known the time to read the dates. */
export const datedDividends: Attack = {
  name: 'prices with 1,000 dated dividends',
  run: pricing('price', payloads.datedDividends, 32),
};

/** Each explanation is of another day, so none of them is in the cache. */
export const explanations: Attack = {
  name: 'explanations of an index',
  run: (field) =>
    each(field, { parallel: 384, grouped: true }, (number, address) => {
      const day = new Date(Date.UTC(2004, 0, 1 + (number % 1_000))).toISOString().slice(0, 10);
      return rawRequest({ ...field, address, method: 'GET', path: `/api/v1/indexes/SP500/explain?date=${day}` });
    }),
};

export const manySlowPrices = manyOf('100 slow prices at once', 'price', payloads.slowPrice, 100);
