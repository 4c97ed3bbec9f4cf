import type { CauseAlert } from '../cause-alert.ts';
import { i1 } from './instance.ts';

/** Causes in market data: stale, rolled back or quarantined. */
export const dataAlerts: readonly CauseAlert[] = [
  {
    alert: 'RefreshStale',
    // Of a daily schedule 36 hours. Universes without a schedule have no period, so they are never stale.
    expr: 'time() - max by (universe) (volwatch_refresh_last_success_timestamp_seconds{job="volwatch"}) - max by (universe) (volwatch_refresh_schedule_period_seconds{job="volwatch"}) > 12 * 3600',
    for: '5m',
    severity: 'ticket',
    summary: 'the refresh of universe {{ $labels.universe }} is {{ $value | humanizeDuration }} late',
    description: 'A scheduled refresh was missed for half a day.',
    proof: {
      // Minute 30 is second 1,800. The last refresh was 36 h before it, and the next one is at minute 50.
      series: {
        [`volwatch_refresh_last_success_timestamp_seconds{${i1},universe="tech5"}`]: '-127800x50 3000x20',
        [`volwatch_refresh_schedule_period_seconds{${i1},universe="tech5"}`]: '86400x70',
        [`volwatch_refresh_last_success_timestamp_seconds{${i1},universe="weekly"}`]: '-127800x70',
        [`volwatch_refresh_schedule_period_seconds{${i1},universe="weekly"}`]: '604800x70',
        [`volwatch_refresh_last_success_timestamp_seconds{${i1},universe="uploaded"}`]: '0x70',
      },
      quiet: 20,
      fires: 40,
      over: 55,
      labels: { universe: 'tech5' },
      summary: 'the refresh of universe tech5 is 12h 10m 0s late',
    },
  },
  {
    alert: 'RollbackRate',
    expr: 'sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch",outcome="rolled_back"}[10m])) / sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch",outcome!="refused"}[10m])) > 0.001 and sum by (operation) (increase(volwatch_db_transactions_total{job="volwatch",outcome="rolled_back"}[10m])) >= 2',
    for: '1m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of {{ $labels.operation }} roll back',
    description:
      'Two or more in ten minutes and over the 0.1 % line. Nothing half-written remains; the reason label says why.',
    proof: {
      series: {
        [`volwatch_db_transactions_total{${i1},operation="refresh.apply",outcome="committed",reason=""}`]: '0+1x40',
        [`volwatch_db_transactions_total{${i1},operation="refresh.apply",outcome="rolled_back",reason="database_unavailable"}`]:
          '0x10 0+1x10 10x30',
        // Refused callers are no fault. So many of them would raise the alert if they counted as rolled back, and would
        // bring the rate below the line if they counted as transactions.
        [`volwatch_db_transactions_total{${i1},operation="refresh.apply",outcome="refused",reason="precondition_failed"}`]:
          '0+2000x40',
        [`volwatch_db_transactions_total{${i1},operation="universe.change",outcome="committed",reason=""}`]: '0+1x40',
        [`volwatch_db_transactions_total{${i1},operation="universe.change",outcome="refused",reason="precondition_failed"}`]:
          '0+10x40',
      },
      quiet: 5,
      fires: 20,
      over: 35,
      labels: { operation: 'refresh.apply' },
      summary: '47.37% of refresh.apply roll back',
    },
  },
  {
    alert: 'PricesQuarantined',
    expr: 'sum by (universe) (increase(volwatch_prices_quarantined_total{job="volwatch"}[15m])) > 0',
    for: '0s',
    severity: 'ticket',
    summary: '{{ $value | humanize }} prices of {{ $labels.universe }} were held back within 15 minutes',
    description:
      'They are not believed and not stored: a large split, an answer that is too short, or another fault of the provider.',
    proof: {
      series: { [`volwatch_prices_quarantined_total{${i1},universe="tech5"}`]: '0x10 0+1x10 10x30' },
      quiet: 5,
      fires: 20,
      over: 45,
      labels: { universe: 'tech5' },
      summary: '9 prices of tech5 were held back within 15 minutes',
    },
  },
  {
    alert: 'AssetsStale',
    expr: 'max by (universe) (volwatch_universe_assets{job="volwatch",state="stale"}) / sum by (universe) (max by (universe, state) (volwatch_universe_assets{job="volwatch",state!="missing"})) > 0.05',
    for: '15m',
    severity: 'ticket',
    summary: '{{ $value | humanizePercentage }} of the assets of {{ $labels.universe }} have no new bars',
    description:
      'More than 5 % of the assets lack the bar of the last expected trading day, or of the newest bar of all.',
    proof: {
      series: {
        [`volwatch_universe_assets{${i1},universe="desk",state="fresh"}`]: '20x10 18x30 20x30',
        [`volwatch_universe_assets{${i1},universe="desk",state="stale"}`]: '0x10 2x30 0x30',
        [`volwatch_universe_assets{${i1},universe="desk",state="missing"}`]: '5x70',
      },
      quiet: 8,
      fires: 35,
      over: 55,
      labels: { universe: 'desk' },
      summary: '10% of the assets of desk have no new bars',
    },
  },
  {
    alert: 'BarsMissing',
    expr: 'max by (universe) (volwatch_universe_missing_bars{job="volwatch",age="recent"}) > 0',
    for: '15m',
    severity: 'ticket',
    summary: '{{ $value | humanize }} bars of {{ $labels.universe }} are missing on trading days of the last 30 days',
    description: 'An asset has a bar before and a bar after a trading day of its exchange, and none of the day.',
    proof: {
      series: {
        [`volwatch_universe_missing_bars{${i1},universe="desk",age="recent"}`]: '0x10 3x30 0x30',
        [`volwatch_universe_missing_bars{${i1},universe="desk",age="older"}`]: '7x70',
      },
      quiet: 8,
      fires: 35,
      over: 55,
      labels: { universe: 'desk' },
      summary: '3 bars of desk are missing on trading days of the last 30 days',
    },
  },
  {
    alert: 'UploadsFailing',
    expr: 'sum by (universe) (increase(volwatch_uploads_total{job="volwatch",outcome!="stored"}[30m])) > 2 and sum by (universe) (increase(volwatch_uploads_total{job="volwatch",outcome="stored"}[30m])) == 0',
    for: '0s',
    severity: 'ticket',
    summary: '{{ $value | humanize }} uploads to {{ $labels.universe }} failed within 30 minutes, and none was stored',
    description: 'Three or more files in a row were refused or failed, so the prices of the universe do not advance.',
    proof: {
      series: {
        [`volwatch_uploads_total{${i1},universe="desk",outcome="refused"}`]: '0x10 0+1x10 10x40',
        [`volwatch_uploads_total{${i1},universe="desk",outcome="failed"}`]: '0x62',
        [`volwatch_uploads_total{${i1},universe="desk",outcome="stored"}`]: '3x62',
      },
      quiet: 5,
      fires: 20,
      over: 55,
      labels: { universe: 'desk' },
      summary: '9 uploads to desk failed within 30 minutes, and none was stored',
    },
  },
];
