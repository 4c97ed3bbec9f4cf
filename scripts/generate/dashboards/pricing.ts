import { limitOf } from '../slo/slo.ts';
import { highest, of, quantile, quantiles, sumRate, type DashboardSpec, type PanelSpec } from './spec.ts';

const durations = (labels: string): string => of('volwatch_pricing_duration_seconds_bucket', labels);
const batchSeconds = limitOf('batch_latency') / 1_000;

const latencyByModel = (id: number, q: number): PanelSpec => ({
  id,
  kind: 'timeseries',
  title: `Calculation duration at p${q * 100}`,
  description:
    'By model and operation, without batches, grids and calibrations; points open the trace. The line is the level of pricing.',
  unit: 'seconds',
  queries: [
    {
      expr: highest(
        quantile(q, durations('operation!~"batch|grid|calibrate"'), 'model, operation'),
        'model, operation',
      ),
      legend: '{{model}} {{operation}}',
    },
  ],
  thresholds: [{ value: limitOf('pricing_latency') / 1_000, color: 'red' }],
  exemplars: true,
});

export const pricing: DashboardSpec = {
  uid: 'volwatch-pricing',
  file: 'pricing',
  title: 'Volwatch / Pricing',
  description: 'How fast are prices, how many, and which inputs cannot be priced.',
  rows: [
    {
      title: 'Calculations',
      panels: [
        latencyByModel(1, 0.5),
        latencyByModel(2, 0.95),
        latencyByModel(3, 0.99),
        {
          id: 4,
          kind: 'timeseries',
          title: 'Options priced by outcome',
          description: 'Options per second by outcome: invalid is the input, failed is the calculation.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of('volwatch_pricing_options_total'), 'outcome'), legend: '{{outcome}}' }],
          // A few failures beside many priced options.
          logarithmic: true,
        },
        {
          id: 5,
          kind: 'timeseries',
          title: 'Options priced by model',
          description: 'Options per second by model and operation.',
          unit: 'events/s',
          queries: [
            {
              expr: highest(
                `${sumRate(of('volwatch_pricing_options_total'), 'model, operation')} > 0`,
                'model, operation',
              ),
              legend: '{{model}} {{operation}}',
            },
          ],
          stacked: true,
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Solver iterations at p95',
          description: 'p95 by model. A rise means inputs near the edge of what can be inverted.',
          unit: 'count',
          queries: [
            { expr: quantile(0.95, of('volwatch_pricing_solver_iterations_bucket'), 'model'), legend: '{{model}}' },
          ],
        },
        {
          id: 7,
          kind: 'timeseries',
          title: 'Calculations without convergence',
          description:
            'Calculations per second that were refused because a solver or an integral did not converge, of the eight models with the most.',
          unit: 'events/s',
          queries: [
            {
              expr: highest(sumRate(of('volwatch_pricing_not_converged_total'), 'model'), 'model'),
              legend: '{{model}}',
            },
          ],
        },
        {
          id: 8,
          kind: 'timeseries',
          title: 'Duration of forecasts at p95',
          description:
            'By method and outcome, with the time in the queue; points open the trace. A fit works in a pricing process.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_forecast_duration_seconds_bucket'), 'method, outcome'),
              legend: '{{method}} {{outcome}}',
            },
          ],
          exemplars: true,
        },
        {
          id: 17,
          kind: 'timeseries',
          title: 'Calibrations by stop reason',
          description:
            'Calibrations per second. at_bound and not_identified come from quotes that do not determine the parameters.',
          unit: 'events/s',
          queries: [
            { expr: sumRate(of('volwatch_pricing_calibrations_total'), 'stop_reason'), legend: '{{stop_reason}}' },
          ],
          stacked: true,
        },
        {
          id: 18,
          kind: 'timeseries',
          title: 'Evaluations of calibrations',
          description:
            'Median and p95 of the points at which a calibration priced all quotes. Each costs 20 µs a quote.',
          unit: 'count',
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, of('volwatch_pricing_calibration_evaluations_bucket')),
            legend: `p${q * 100}`,
          })),
        },
      ],
    },
    {
      title: 'Batches',
      panels: [
        {
          id: 10,
          kind: 'timeseries',
          title: 'Batch size',
          description: 'Median and p95 of rows, by format.',
          unit: 'count',
          logarithmic: true,
          queries: [0.5, 0.95].map((q) => ({
            expr: quantile(q, of('volwatch_pricing_batch_size_bucket'), 'format'),
            legend: `p${q * 100} {{format}}`,
          })),
        },
        {
          id: 14,
          kind: 'timeseries',
          title: 'Failed rows of batches by reason',
          description: 'Rows per second by error code. The log line of a batch names its first failed rows.',
          unit: 'events/s',
          queries: [
            {
              expr: `${sumRate(of('volwatch_pricing_failed_items_total'), 'code')} > 0`,
              legend: '{{code}}',
            },
          ],
        },
        {
          id: 11,
          kind: 'timeseries',
          title: 'Batch duration',
          description:
            'Of all sizes, the request as a whole; points open the trace. The line is the level of batches of up to 1,000.',
          unit: 'seconds',
          queries: quantiles(of('http_server_request_duration_seconds_bucket', 'http_route="/api/v1/pricing/batch"')),
          thresholds: [{ value: batchSeconds, color: 'red' }],
          exemplars: true,
        },
        {
          id: 12,
          kind: 'timeseries',
          title: 'Pricing worker queue',
          description: 'Tasks queued and workers busy. A queue with every worker busy is the limit of this machine.',
          unit: 'count',
          queries: [
            { expr: `sum (${of('volwatch_workers_queue_size')})`, legend: 'queued' },
            { expr: `sum (${of('volwatch_workers_busy')})`, legend: 'busy' },
          ],
        },
        {
          id: 15,
          kind: 'timeseries',
          title: 'Duration of tasks of pricing processes',
          description: 'p95 with the wait for a process, by lane and outcome. Tasks of batches, chunks and forecasts.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_workers_task_duration_seconds_bucket'), 'lane, outcome'),
              legend: '{{lane}} {{outcome}}',
            },
          ],
          exemplars: true,
        },
        {
          id: 19,
          kind: 'timeseries',
          title: 'Calculations moved from the event loop',
          description:
            'Per second, by operation: the estimate was too low, so a pricing process began them again. The next batches of the same caller go there at once for a minute.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of('volwatch_pricing_moved_total'), 'operation'), legend: '{{operation}}' }],
          rare: true,
        },
        {
          id: 20,
          kind: 'timeseries',
          title: 'Tasks that were begun again',
          description:
            'Per second, by reason. estimate: before the first row. time, row: the rows, or one of them, take several times their estimate. answer: its errors or warnings made the answer longer than estimated, so that all rows were priced twice.',
          unit: 'events/s',
          queries: [{ expr: sumRate(of('volwatch_workers_returned_total'), 'reason'), legend: '{{reason}}' }],
          rare: true,
        },
        {
          id: 16,
          kind: 'timeseries',
          title: 'Duration of chunks of pricing jobs',
          description:
            'p95 of storing and pricing one chunk, by outcome. removed: its job was cancelled meanwhile. no_room: it waits again because of other work.',
          unit: 'seconds',
          queries: [
            {
              expr: quantile(0.95, of('volwatch_pricing_chunk_duration_seconds_bucket'), 'operation, outcome'),
              legend: '{{operation}} {{outcome}}',
            },
          ],
          rare: true,
          exemplars: true,
        },
        {
          id: 13,
          kind: 'timeseries',
          title: 'Worker restarts',
          description:
            'Workers started again after they ended on their own, and workers that the system did not start (no file descriptor or memory), per ten minutes.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (instance) (increase(${of('volwatch_workers_restarts_total')}[10m]))`,
              legend: '{{instance}}',
            },
            {
              expr: `sum by (instance) (increase(${of('volwatch_workers_start_failures_total')}[10m]))`,
              legend: '{{instance}}, not started',
            },
          ],
          thresholds: [{ value: 2, color: 'red' }],
          thresholdSource: 'alerts/rules/causes.yml',
          alerts: ['WorkersRestarting'],
        },
      ],
    },
  ],
};
