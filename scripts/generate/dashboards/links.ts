import { sloDocument } from '../slo/slo.ts';
import type { DashboardSpec } from './spec.ts';

/** Returns the URL of the panel that shows the value of an alert. */
export type DashboardLinks = (alert: string) => string;

/** @throws Error if no panel shows the alert */
export const dashboardLinks = (dashboards: readonly DashboardSpec[]): DashboardLinks => {
  const links = new Map(
    dashboards.flatMap(({ uid, rows }) =>
      rows
        .flatMap(({ panels }) => panels)
        .flatMap(({ id, alerts = [] }) =>
          alerts.map((alert) => [alert, `${sloDocument.links.dashboards}/${uid}?viewPanel=${id}`] as const),
        ),
    ),
  );
  return (alert) => {
    const link = links.get(alert);
    if (link === undefined)
      throw new Error(
        `The alert ${alert} is on no panel: add its name to "alerts" of a panel in scripts/generate/dashboards/`,
      );
    return link;
  };
};
