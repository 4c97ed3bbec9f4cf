import type { CellResult } from '../cell.ts';

/** Points of one line: Unix seconds and a value. */
type Line = { readonly label: string; readonly points: readonly (readonly [number, number])[] };
export type Timeline = { readonly title: string; readonly unit: string; readonly lines: readonly Line[] };

const requests = 'http_server_request_duration_seconds';
const quantile = (q: number): string =>
  `1000 * histogram_quantile(${q}, sum by (le) (rate(${requests}_bucket{http_route!~"/health.*"}[5s])))`;

type Query = {
  readonly title: string;
  readonly unit: string;
  readonly lines: Readonly<Record<string, string>>;
  readonly by?: string;
};

const queries: readonly Query[] = [
  {
    title: 'Throughput',
    unit: 'requests/s',
    lines: { answered: `sum(rate(${requests}_count{http_route!~"/health.*"}[5s]))` },
  },
  { title: 'Latency', unit: 'ms', lines: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) } },
  {
    title: 'Errors by category',
    unit: 'errors/s',
    lines: { '': 'sum by (category) (rate(volwatch_errors_total[5s])) > 0' },
    by: 'category',
  },
  {
    title: 'Rollbacks',
    unit: 'transactions/s',
    lines: { 'rolled back': 'sum(rate(volwatch_db_transactions_total{outcome="rolled_back"}[5s]))' },
  },
  {
    title: 'Circuit breakers',
    unit: '0 closed, 1 half-open, 2 open',
    lines: { '': 'volwatch_circuit_breaker_state' },
    by: 'dependency',
  },
];

type Matrix = { data: { result: { metric: Record<string, string>; values: [number, string][] }[] } };

const range = async (
  prometheusUrl: string,
  query: string,
  from: number,
  to: number,
): Promise<Matrix['data']['result']> => {
  const parameters = new URLSearchParams({ query, start: String(from), end: String(to), step: '1' });
  const response = await fetch(`${prometheusUrl}/api/v1/query_range?${parameters.toString()}`);
  if (!response.ok) throw new Error(`Prometheus refused ${query}: ${await response.text()}`);
  return ((await response.json()) as Matrix).data.result;
};

/** For each cell, in order: the values in Prometheus from before the fault until after the recovery. */
export const readTimelines = (prometheusUrl: string, results: readonly CellResult[]): Promise<Timeline[][]> =>
  Promise.all(
    results.map(({ window: { from, to } }) =>
      Promise.all(
        queries.map(async ({ title, unit, lines, by }): Promise<Timeline> => {
          const found: Line[] = [];
          for (const [label, query] of Object.entries(lines)) {
            for (const { metric, values } of await range(prometheusUrl, query, from, to)) {
              const points = values
                .map(([at, value]) => [at, Number(value)] as const)
                .filter(([, value]) => Number.isFinite(value));
              if (points.length > 0) found.push({ label: by ? (metric[by] ?? '') : label, points });
            }
          }
          return { title, unit, lines: found };
        }),
      ),
    ),
  );
