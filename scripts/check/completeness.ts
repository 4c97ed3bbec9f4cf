import { existsSync, globSync, readFileSync } from 'node:fs';
import { matrix } from '#load/chaos/matrix.ts';
import { configVariables } from '#src/config/variables.ts';
import { faultPoints } from '#src/kernel/catalogue/faults.ts';
import { metricCatalogue } from '#src/kernel/catalogue/metrics.ts';
import { modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { causeAlerts } from '../generate/alerts/cause-alerts.ts';
import { dashboards } from '../generate/dashboards/index.ts';
import { scenarios } from '../verify/scenarios.ts';

/** Metrics without a panel, each with the reason. */
const withoutPanel: Readonly<Record<string, string>> = {
  volwatch_embedded_postgres_restarts_total:
    'production refuses the embedded PostgreSQL, and the machine of a developer has no dashboards',
  target_info: 'it has no number; its labels join an instance of Prometheus with spans and log lines',
};

const expressionsOfPanels = (): string[] =>
  dashboards.flatMap(({ rows }) =>
    rows.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr))),
  );

const hasFile = (path: string): boolean => existsSync(path);

/** Every fault point must have a cell in the chaos matrix. */
export const faultPointFaults = (
  points: readonly string[] = faultPoints,
  cells: readonly { readonly faultPoint?: string | undefined }[] = matrix,
): string[] =>
  points
    .filter((point) => !cells.some((cell) => cell.faultPoint === point))
    .map((point) => `The fault point ${point} has no chaos cell: add one to load/chaos/cells/fault-points.ts.`);

/** Every metric must have a panel, or a reason why it has none. */
export const metricFaults = (
  metrics: readonly string[] = Object.keys(metricCatalogue),
  expressions: readonly string[] = expressionsOfPanels(),
  exceptions: Readonly<Record<string, string>> = withoutPanel,
): string[] => {
  const isShown = (metric: string): boolean => {
    const name = new RegExp(`\\b${metric}(_bucket|_sum|_count)?\\b`);
    return expressions.some((expr) => name.test(expr));
  };
  return [
    ...metrics
      .filter((metric) => !isShown(metric) && !Object.hasOwn(exceptions, metric))
      .map(
        (metric) =>
          `The metric ${metric} is on no panel: add one to the dashboard of its subject, for example scripts/generate/dashboards/overview.ts, or a reason to scripts/check/completeness.ts.`,
      ),
    ...Object.keys(exceptions)
      .filter((metric) => isShown(metric) || !metrics.includes(metric))
      .map((metric) => `${metric} needs no exception: remove it from scripts/check/completeness.ts.`),
  ];
};

/** Every alert must have a runbook and a scenario that causes it. */
export const alertFaults = (
  alerts: readonly string[] = causeAlerts.map(({ alert }) => alert),
  rehearsed: readonly string[] = scenarios.map(({ alert }) => alert),
  exists: (path: string) => boolean = hasFile,
): string[] => [
  ...alerts
    .filter((alert) => !exists(`docs/runbooks/${alert}.md`))
    .map(
      (alert) =>
        `The alert ${alert} has no runbook: add docs/runbooks/${alert}.md and its row in docs/runbooks/README.md.`,
    ),
  ...alerts
    .filter((alert) => !rehearsed.includes(alert))
    .map((alert) => `The alert ${alert} has no rehearsed cause: add one to scripts/verify/scenarios.ts.`),
];

/** Every pricing model must have a row in its documentation. Types check all other lists of models. */
export const modelFaults = (
  models: readonly string[] = modelNames,
  page: string = readFileSync('docs/pricing.md', 'utf8'),
): string[] =>
  models
    .filter((model) => !new RegExp(`^\\|[^|]*\`${model}\``, 'm').test(page))
    .map((model) => `The model ${model} is not in the table of docs/pricing.md: add a row there.`);

/** The source of the service without the declarations of configuration variables. */
const sourceText = (): string =>
  globSync('src/**/*.ts')
    .filter((path) => !path.endsWith('-variables.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');

/** Every configuration variable must be read. */
export const variableFaults = (
  variables: readonly string[] = Object.keys(configVariables),
  source: string = sourceText(),
): string[] =>
  variables
    .filter((variable) => !new RegExp(`\\b${variable}\\b`).test(source))
    .map(
      (variable) => `The variable ${variable} is not used: pass config.${variable} as a dependency in src/compose/.`,
    );

/** Entries of one list that are missing in another list, each with the file to edit. */
export const completenessFaults = (): string[] => [
  ...faultPointFaults(),
  ...metricFaults(),
  ...alertFaults(),
  ...modelFaults(),
  ...variableFaults(),
];
