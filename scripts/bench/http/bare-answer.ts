import { blackScholesPrice } from '#src/pricing/engines/european/black-scholes.ts';
import type { BenchRow } from './bodies.ts';

const priced = (row: BenchRow): number =>
  blackScholesPrice(
    row.spot,
    row.strike,
    row.time_to_expiry,
    row.rate,
    row.dividend_yield,
    row.volatility,
    row.option_type === 'call' ? 1 : -1,
  );

export type Body = BenchRow & {
  readonly options?: readonly BenchRow[];
  readonly columns?: { readonly [Name in keyof BenchRow]: readonly BenchRow[Name][] };
};

/** What both yardsticks calculate: the answer to a parsed body, without validation. */
export const answer = (body: Body): unknown => {
  const { options, columns } = body;
  if (options) return { results: options.map((row) => ({ ...row, price: priced(row) })) };
  if (!columns) return { ...body, price: priced(body) };
  const price = columns.spot.map((spot, index) =>
    blackScholesPrice(
      spot,
      columns.strike[index]!,
      columns.time_to_expiry[index]!,
      columns.rate[index]!,
      columns.dividend_yield[index]!,
      columns.volatility[index]!,
      columns.option_type[index] === 'call' ? 1 : -1,
    ),
  );
  return { columns: { price } };
};
