import { gzipSync } from 'node:zlib';
import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { once, payloads } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';

const json = { 'Content-Type': 'application/json' };

/** 7 MB that decompress to 55 MB: 100,000 slow rows, each with a character beyond Latin-1. */
const wideRows = once(() => {
  const options = Array.from({ length: 100_000 }, (_, row) => ({
    id: `\u0100${row}`.padEnd(180, 'y'),
    model: 'binomial_lr',
    exercise_style: 'american',
    option_type: 'put',
    spot: 100 + row / 1_000,
    strike: 105,
    time_to_expiry: 0.5,
    rate: 0.03,
    volatility: 0.2,
    steps: 251,
    dividends: Array.from({ length: 4 }, () => ({ time: Math.random(), amount: Math.random() })),
  }));
  return gzipSync(JSON.stringify({ options }), { level: 1 });
});

/**
 * Memory of several kinds at the same time, each within its own limit: texts of 55 MB that processes for medium and for long work read, and
 * long answers, of which some are not read. The sum had been 2.4 to 2.6 GB.
 */
export const wideTextsBesideGrids: Attack = {
  name: 'wide JSON texts beside grids that are not read',
  run: async (field) => {
    const kinds = [
      { path: 'batch', body: wideRows(), headers: { ...json, 'Content-Encoding': 'gzip' } },
      { path: 'grid', body: payloads.longAnswer(), headers: json },
      { path: 'grid', body: payloads.longAnswer(), headers: json, unreadMs: 25_000 },
    ];
    await each(field, { parallel: 44, grouped: true }, (number, address) => {
      const { path, ...request } = kinds[number % kinds.length]!;
      return rawRequest({ ...field, address, method: 'POST', path: `/api/v1/pricing/${path}`, ...request });
    });
  },
};
