import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { PricedOption } from './request/calculate.ts';
import type { OutputName } from './models/outputs.ts';
import type { UnitSystem } from './request/market-units.ts';
import type { Row } from './request/rows.ts';
import type { PricingWorkers, WorkOptions } from './workers/pool.ts';

type Answer = {
  readonly results: readonly [
    (PricedOption & { readonly warnings?: unknown }) | { readonly error: { code: ErrorCode; detail: string } },
  ];
};

/**
 * Prices one option that would block the event loop. A worker prices it as a batch with one row.
 * @returns the option with its outputs, or the error detail, as `calculate`
 * @throws AppError as in `PricingWorkers.run`, and `pricing_engine_unavailable`
 */
export const priceOnWorker = async (
  workers: PricingWorkers,
  row: Row,
  outputs: readonly OutputName[],
  units: UnitSystem,
  options: WorkOptions,
): Promise<PricedOption | string> => {
  const bytes = Buffer.from(JSON.stringify({ options: [row], outputs, units }));
  const { chunks } = await workers.run({ bytes, input: 'json', answer: ['json'], jsonDepth: 20 }, options);
  const { results } = JSON.parse(Buffer.concat(chunks).toString()) as Answer;
  const [result] = results;
  if ('error' in result) {
    const { code, detail } = result.error;
    if (code === 'pricing_calculation_failed') return detail;
    throw new AppError(code, detail);
  }
  // The caller of this function warns, because the row has years where the request may have had dates.
  const { warnings: _, ...priced } = result;
  return priced;
};
