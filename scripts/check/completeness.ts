import { existsSync } from 'node:fs';
import { matrix } from '#load/chaos/matrix.ts';
import { faultPoints } from '#src/kernel/catalogue/faults.ts';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';
import { causeAlerts } from '../generate/alerts/cause-alerts.ts';
import { dashboards } from '../generate/dashboards/index.ts';
import { scenarios } from '../verify/scenarios.ts';

/** Metrics that no panel needs, each with its reason. */
const withoutPanel: Readonly<Record<string, string>> = {};

const expressions = dashboards.flatMap(({ rows }) =>
  rows.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr))),
);
const isShown = (metric: string): boolean => {
  const name = new RegExp(`\\b${metric}(_bucket|_sum|_count)?\\b`);
  return expressions.some((expr) => name.test(expr));
};

/** Entries of one list that another list must have too, each with the file to edit. */
export const completenessFaults = (): string[] => [
  ...faultPoints
    .filter((point) => !matrix.some((cell) => cell.faultPoint === point))
    .map((point) => `The fault point ${point} has no chaos cell: add one to load/chaos/cells/.`),
  ...Object.keys(metricCatalogue)
    .filter((metric) => !isShown(metric) && withoutPanel[metric] === undefined)
    .map(
      (metric) =>
        `The metric ${metric} is on no panel: add one to scripts/generate/dashboards/, or a reason to scripts/check/completeness.ts.`,
    ),
  ...Object.keys(withoutPanel)
    .filter((metric) => isShown(metric) || !Object.hasOwn(metricCatalogue, metric))
    .map((metric) => `${metric} needs no exception: remove it from scripts/check/completeness.ts.`),
  ...causeAlerts
    .filter(({ alert }) => !existsSync(`docs/runbooks/${alert}.md`))
    .map(({ alert }) => `The alert ${alert} has no runbook: add docs/runbooks/${alert}.md.`),
  ...causeAlerts
    .filter(({ alert }) => !scenarios.some((scenario) => scenario.alert === alert))
    .map(({ alert }) => `The alert ${alert} has no rehearsed cause: add one to scripts/verify/scenarios.ts.`),
];
