import { abusePersists } from './abuse-alert.ts';
import type { CauseAlert } from './cause-alert.ts';
import { backgroundAlerts } from './causes/background-alerts.ts';
import { dataAlerts } from './causes/data-alerts.ts';
import { dependencyAlerts } from './causes/dependency-alerts.ts';
import { edgeAlerts } from './causes/edge-alerts.ts';
import { monitoringAlerts } from './causes/monitoring-alerts.ts';
import { requestAlerts } from './causes/request-alerts.ts';

/** Every alert on a cause. Add a new alert to a file of causes/, with a runbook and a scenario. */
export const causeAlerts: readonly CauseAlert[] = [
  ...dependencyAlerts,
  ...dataAlerts,
  ...requestAlerts,
  ...backgroundAlerts,
  ...edgeAlerts,
  ...monitoringAlerts,
  abusePersists,
];
