import { causeRules, causeTests } from './alerts/cause-files.ts';
import { dashboards } from './dashboards/index.ts';
import { dashboardLinks } from './dashboards/links.ts';
import { toGrafana } from './dashboards/sdk.ts';
import { percentileRules, percentileTests } from './percentiles/rules.ts';
import { sloPage } from './slo/page.ts';
import { sloRules } from './slo/rules.ts';
import { sloStartTests, sloTests } from './slo/tests.ts';
import { loadThresholds } from './slo/thresholds.ts';

const links = dashboardLinks(dashboards);

/** Rules, their tests, dashboards and pages that are generated from slo.yaml and the declarations of alerts. */
export const operations: Readonly<Record<string, () => string>> = {
  'alerts/rules/slo.yml': () => sloRules(links),
  'alerts/rules/causes.yml': () => causeRules(links),
  'alerts/tests/slo.yml': () => sloTests(links),
  'alerts/tests/slo-start.yml': () => sloStartTests(links),
  'alerts/tests/causes.yml': () => causeTests(links),
  'alerts/rules/percentiles.yml': percentileRules,
  'alerts/tests/percentiles.yml': percentileTests,
  'docs/slo.md': sloPage,
  'load/thresholds.json': loadThresholds,
  ...Object.fromEntries(
    dashboards.map((spec) => [`dashboards/${spec.file}.json`, () => `${JSON.stringify(toGrafana(spec), null, 2)}\n`]),
  ),
};
