import type { FaultPoint } from '#src/kernel/catalogue/faults.ts';
import type { Cell, ProbeName } from '../cell.ts';

const cell = (point: FaultPoint, probe: ProbeName, code: string, mode: 'error' | 'hang' = 'error'): Cell => ({
  group: 'fault_points',
  name: mode === 'error' ? point : `${point} hangs`,
  faultPoint: point,
  how: `the service's own fault point, mode ${mode}`,
  probe,
  codes: code === '' ? [] : [code],
  deadlineMs: 12_000,
  inject: (world) => world.setFault(point, { mode }),
  heal: (world) => world.clearFault(point),
  hasEffect: (before, now) => {
    const count = (scraped: typeof now): number => scraped.sum('volwatch_faults_injected_total', { point, mode });
    return count(now) > count(before);
  },
});

export const faultPointCells: readonly Cell[] = [
  cell('auth.verify', 'database', 'auth_service_error'),
  cell('upload.read', 'upload', 'request_timeout'),
  cell('refresh.ensure_assets', 'refresh', 'database_unavailable'),
  cell('refresh.store_prices', 'refresh', 'database_unavailable'),
  cell('refresh.calculate_index_values', 'refresh', 'database_unavailable'),
  cell('refresh.commit', 'refresh', 'database_unavailable'),
  cell('quality.measure', 'upload', ''),
  cell('provider.fetch', 'refresh', 'external_api_unavailable'),
  cell('pricing.engine', 'price', 'pricing_calculation_failed'),
  cell('cache.get', 'cached_read', ''),
];
