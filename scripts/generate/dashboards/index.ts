import { auth } from './auth.ts';
import { overview } from './overview.ts';
import { percentiles } from './percentiles.ts';
import { pricing } from './pricing.ts';
import { refreshes } from './refreshes.ts';
import { runtime } from './runtime.ts';
import type { DashboardSpec } from './spec.ts';

export const dashboards: readonly DashboardSpec[] = [overview, refreshes, auth, pricing, percentiles, runtime];
