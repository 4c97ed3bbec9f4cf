/**
 * The minimal work that a Node server can do with these bodies: parse, price, write. It has no validation and no
 * metrics.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

type Body = BenchRow & {
  readonly options?: readonly BenchRow[];
  readonly columns?: { readonly [Name in keyof BenchRow]: readonly BenchRow[Name][] };
};

const answer = (body: Body): unknown => {
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

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text =
      request.url === '/health/live'
        ? '{}'
        : JSON.stringify(answer(JSON.parse(Buffer.concat(chunks).toString()) as Body));
    response.setHeader('Content-Type', 'application/json');
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
