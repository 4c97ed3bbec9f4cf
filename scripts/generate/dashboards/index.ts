import { auth } from './auth.ts';
import { chaosRun } from './operations/chaos-run.ts';
import { edge } from './operations/edge.ts';
import { instances } from './operations/instances.ts';
import { loadRun } from './operations/load-run.ts';
import { monitoring } from './operations/monitoring.ts';
import { overview } from './overview.ts';
import { percentiles } from './percentiles.ts';
import { pricing } from './pricing.ts';
import { refreshes } from './refreshes.ts';
import { runtime } from './runtime.ts';
import { saturation } from './operations/saturation.ts';
import { serviceLevels } from './operations/service-levels.ts';
import type { DashboardSpec } from './spec.ts';

export const dashboards: readonly DashboardSpec[] = [
  overview,
  serviceLevels,
  refreshes,
  auth,
  pricing,
  percentiles,
  runtime,
  instances,
  edge,
  saturation,
  monitoring,
  loadRun,
  chaosRun,
];
