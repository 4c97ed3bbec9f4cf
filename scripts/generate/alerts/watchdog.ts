import { sloDocument } from '../slo/slo.ts';
import type { DashboardLinks } from '../dashboards/links.ts';

/**
 * The dead man's switch: an alert that always fires. A service outside receives it every few minutes and calls somebody
 * when it stays away, because then Prometheus, Alertmanager or the way out is down.
 */
export const watchdogRule = (links: DashboardLinks): object => ({
  alert: 'Watchdog',
  expr: 'vector(1)',
  labels: { severity: 'none' },
  annotations: {
    summary: 'alerts are evaluated and delivered',
    description: 'It always fires. If its receiver no longer hears it, no other alert arrives either.',
    dashboard_url: links('Watchdog'),
    runbook_url: `${sloDocument.links.runbooks}/Watchdog.md`,
  },
});
