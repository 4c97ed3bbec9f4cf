import { highest, of, quantile, sumRate, type DashboardSpec } from './spec.ts';
import { transactionsRow } from './transactions.ts';

const durationBuckets = of('volwatch_refresh_duration_seconds_bucket');

/** Of the assets that have bars, because a new universe has none. */
const staleAssets = `sum by (universe) (max by (universe, state) (${of('volwatch_universe_assets', 'state="stale"')})) / sum by (universe) (max by (universe, state) (${of('volwatch_universe_assets', 'state!="missing"')}))`;

export const refreshes: DashboardSpec = {
  uid: 'volwatch-refreshes',
  file: 'refreshes-and-transactions',
  title: 'Volwatch / Refreshes and transactions',
  description: 'Are data fresh, do transactions roll back, and for what reason.',
  rows: [
    {
      title: 'Refreshes',
      panels: [
        {
          id: 1,
          kind: 'stat',
          title: 'Age of data by universe',
          description:
            'Time since the last committed refresh. It has no limit of its own: the next panel compares it with the schedule.',
          unit: 'seconds',
          queries: [
            {
              expr: `time() - max by (universe) (${of('volwatch_refresh_last_success_timestamp_seconds')})`,
              legend: '{{universe}}',
            },
          ],
        },
        {
          id: 26,
          kind: 'timeseries',
          title: 'Delay of scheduled refreshes',
          description:
            'Time since the last committed refresh, less the time between two runs of the schedule. Below zero: no run was missed. Universes without a schedule have no line.',
          unit: 'seconds',
          queries: [
            {
              expr: `time() - max by (universe) (${of('volwatch_refresh_last_success_timestamp_seconds')}) - max by (universe) (${of('volwatch_refresh_schedule_period_seconds')})`,
              legend: '{{universe}}',
            },
          ],
          thresholds: [{ value: 12 * 3_600, color: 'red' }],
          alerts: ['RefreshStale'],
        },
        {
          id: 2,
          kind: 'bars',
          title: 'Refreshes by outcome',
          description: 'Refreshes by universe and outcome. A rolled-back one changed nothing.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (universe, outcome) (increase(${of('volwatch_refresh_duration_seconds_count')}[$__interval]))`,
              legend: '{{universe}} {{outcome}}',
            },
          ],
          stacked: true,
        },
        {
          id: 8,
          kind: 'bars',
          title: 'Failed refreshes by code',
          description: 'Refreshes that failed or were rolled back, by the code of their error.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (code) (increase(${of('volwatch_errors_total', 'http_route=""')}[$__interval])) > 0`,
              legend: '{{code}}',
            },
          ],
          stacked: true,
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Refresh duration at p95',
          description: 'p95 by universe, the provider included; points open the trace.',
          unit: 'seconds',
          queries: [{ expr: quantile(0.95, durationBuckets, 'universe'), legend: '{{universe}}' }],
          rare: true,
          exemplars: true,
        },
        {
          id: 4,
          kind: 'bars',
          title: 'Rows written by refreshes',
          description: 'Rows of committed refreshes by kind. None while refreshes succeed: the provider sends nothing.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (kind) (increase(${of('volwatch_refresh_rows_total')}[$__interval]))`,
              legend: '{{kind}}',
            },
          ],
          stacked: true,
        },
      ],
    },
    {
      title: 'Completeness of prices',
      panels: [
        {
          id: 27,
          kind: 'timeseries',
          title: 'Assets without new bars',
          description:
            'Part of the assets with bars whose last bar is older than the last expected trading day; without an exchange, older than the newest bar of the universe. The line is the level of the alert.',
          unit: 'share',
          queries: [{ expr: staleAssets, legend: '{{universe}}' }],
          thresholds: [{ value: 0.05, color: 'red' }],
          alerts: ['AssetsStale'],
        },
        {
          id: 24,
          kind: 'timeseries',
          title: 'Missing bars of the last 30 days',
          description:
            'Trading days of the exchange without a bar, between the first and the last bar of each asset. Only universes with an exchange have this line.',
          unit: 'count',
          queries: [
            {
              expr: `max by (universe) (${of('volwatch_universe_missing_bars', 'age="recent"')})`,
              legend: '{{universe}}',
            },
          ],
          thresholds: [{ value: 1, color: 'red' }],
          alerts: ['BarsMissing'],
        },
        {
          id: 25,
          kind: 'timeseries',
          title: 'Held-back prices of the last refresh',
          description:
            'Bars that the last committed refresh of each universe did not believe. The line falls to zero with the next refresh that believes all.',
          unit: 'count',
          queries: [
            { expr: `max by (universe) (${of('volwatch_universe_held_back_prices')})`, legend: '{{universe}}' },
          ],
          alerts: ['PricesQuarantined'],
        },
      ],
    },
    {
      title: 'Held back and repeated',
      panels: [
        {
          id: 5,
          kind: 'bars',
          title: 'Quarantined prices',
          description:
            'Fetched bars that are not believed: not stored, but kept in `price_quarantine` until somebody has looked.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (universe) (increase(${of('volwatch_prices_quarantined_total')}[$__interval]))`,
              legend: '{{universe}}',
            },
          ],
          stacked: true,
          alerts: ['PricesQuarantined'],
        },
        {
          id: 7,
          kind: 'bars',
          title: 'Replaced series by reason',
          description:
            'Series whose history was replaced as a whole: the provider restated it by a common factor, or the prices come from another source now.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (reason) (increase(${of('volwatch_series_replaced_total')}[$__interval]))`,
              legend: '{{reason}}',
            },
          ],
          stacked: true,
        },
        {
          id: 18,
          kind: 'bars',
          title: 'Uploaded rows by outcome',
          description:
            'Rows of uploaded files that became prices, that were held back because they are not believed, and that were refused.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (outcome) (increase(${of('volwatch_upload_rows_total')}[$__interval]))`,
              legend: '{{outcome}}',
            },
          ],
          stacked: true,
        },
        {
          id: 22,
          kind: 'bars',
          title: 'Uploaded files by universe and outcome',
          description:
            'Files that were stored, that were refused because of their content, and that failed because of the connection or the service.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (universe, outcome) (increase(${of('volwatch_uploads_total')}[$__interval])) > 0`,
              legend: '{{universe}} {{outcome}}',
            },
          ],
          stacked: true,
          alerts: ['UploadsFailing'],
        },
        {
          id: 19,
          kind: 'timeseries',
          title: 'Uploaded bytes',
          description: 'Bytes of uploaded files per second after decompression. UPLOADS_LIMIT bounds the files.',
          unit: 'bytes/s',
          queries: [{ expr: `sum(rate(${of('volwatch_upload_bytes_total')}[$__rate_interval]))`, legend: 'bytes' }],
        },
        {
          id: 28,
          kind: 'bars',
          title: 'Fetched series by extent',
          description:
            'Fetched series: only their end, the whole history because it was due, or the whole history because the provider has changed it.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (extent) (increase(${of('volwatch_series_fetched_total')}[$__interval]))`,
              legend: '{{extent}}',
            },
          ],
          stacked: true,
        },
        {
          id: 20,
          kind: 'bars',
          title: 'Calculated indexes by extent',
          description:
            'Indexes of refreshes: all days, the days from a changed day on, or none. Many of all days mean that the refreshes are slow.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (extent) (increase(${of('volwatch_index_calculations_total')}[$__interval]))`,
              legend: '{{extent}}',
            },
          ],
          stacked: true,
        },
        {
          id: 21,
          kind: 'bars',
          title: 'Left-out constituents by reason',
          description:
            'Constituents of indexes without a price, without a number of shares, or with a series of another interval than the universe, at the end of each refresh, for the universes with most. The index is calculated without them.',
          unit: 'count',
          queries: [
            {
              expr: highest(
                `sum by (universe, reason) (increase(${of('volwatch_index_constituents_left_out_total')}[$__interval]))`,
                'universe, reason',
              ),
              legend: '{{universe}} {{reason}}',
            },
          ],
          stacked: true,
        },
        {
          id: 17,
          kind: 'timeseries',
          title: 'Universes by origin',
          description:
            'Universes made by requests, by UNIVERSES_FILE, and those that are bundled. UNIVERSES_MAX bounds them.',
          unit: 'count',
          queries: [{ expr: `max by (origin) (${of('volwatch_universes')})`, legend: '{{origin}}' }],
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Idempotent requests by outcome',
          description:
            'Requests with an Idempotency-Key per second: ran, answered from the earlier run, or refused because the earlier one still runs or was another request.',
          unit: 'events/s',
          queries: [
            {
              expr: sumRate(of('volwatch_idempotent_requests_total'), 'outcome'),
              legend: '{{outcome}}',
            },
          ],
        },
      ],
    },
    transactionsRow,
  ],
};
