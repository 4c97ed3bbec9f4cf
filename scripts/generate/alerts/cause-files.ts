import type { DashboardLinks } from '../dashboards/links.ts';
import { runbookUrl, yaml, yamlNotice } from '../slo/rules.ts';
import type { CauseAlert } from './cause-alert.ts';
import { causeAlerts } from './cause-alerts.ts';
import { watchdogRule } from './watchdog.ts';

const source = 'scripts/generate/alerts/causes/';

const annotationsOf = (cause: CauseAlert, links: DashboardLinks, summary = cause.summary) => ({
  summary,
  description: cause.description,
  dashboard_url: links(cause.alert),
  runbook_url: runbookUrl(cause.alert),
});

/** alerts/rules/causes.yml */
export const causeRules = (links: DashboardLinks): string =>
  yamlNotice(source) +
  yaml({
    groups: [
      {
        name: 'causes',
        rules: causeAlerts.map((cause) => ({
          alert: cause.alert,
          expr: cause.expr,
          for: cause.for,
          labels: { severity: cause.severity },
          annotations: annotationsOf(cause, links),
        })),
      },
      { name: 'watchdog', rules: [watchdogRule(links)] },
    ],
  });

/** alerts/tests/causes.yml. Each test has the alert quiet, firing with its full summary, and over. */
export const causeTests = (links: DashboardLinks): string =>
  yamlNotice(source) +
  yaml({
    rule_files: ['../rules/causes.yml'],
    evaluation_interval: '1m',
    tests: causeAlerts.map((cause) => {
      const { series, quiet, fires, over, labels, summary } = cause.proof;
      const at = (minute: number, firing: boolean) => ({
        eval_time: `${minute}m`,
        alertname: cause.alert,
        exp_alerts: firing
          ? [
              {
                exp_labels: { severity: cause.severity, ...labels },
                exp_annotations: annotationsOf(cause, links, summary),
              },
            ]
          : [],
      });
      return {
        name: cause.alert,
        interval: '1m',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [at(quiet, false), at(fires, true), at(over, false)],
      };
    }),
  });
