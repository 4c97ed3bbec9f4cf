import { stringify } from 'yaml';
import type { DashboardLinks } from '../dashboards/links.ts';
import { burns, severityOf } from './burn.ts';
import { budgetOf, errorRatio, sloDocument, sloRecord, staleRecord, type Slo } from './slo.ts';

const windows = [...new Set([...burns.flatMap(({ short, long }) => [short, long]), sloDocument.window])];

export const yamlNotice = (source: string): string =>
  `# Generated from ${source} by \`npm run generate\`: do not edit.\n`;

/** Long lines are not folded, because a folded expression is hard to search for. */
export const yaml = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** The page of an alert in docs/runbooks. */
export const runbookUrl = (alert: string): string => `${sloDocument.links.runbooks}/${alert}.md`;

const recordings = (slo: Slo): object[] =>
  windows.map((window) => ({ record: sloRecord(window), expr: errorRatio(slo, window), labels: { slo: slo.name } }));

export const burnAlerts = (slo: Slo, links: DashboardLinks): object[] =>
  burns.map((burn) => {
    const over = (window: string): string =>
      `${sloRecord(window)}{slo="${slo.name}"} / ${budgetOf(slo)} > ${burn.factor}`;
    return {
      alert: slo.alert,
      expr: `${over(burn.long)} and ${over(burn.short)}`,
      labels: { severity: severityOf(slo, burn), long: burn.long, short: burn.short },
      annotations: {
        summary: `${slo.name}: the error budget burns {{ $value | humanize }} times too fast (over ${burn.factor} in ${burn.long} and ${burn.short})`,
        description: `${slo.title}, in ${slo.objective} % of cases over ${sloDocument.window}. ${slo.users} ${burn.spent} of the budget is gone.`,
        dashboard_url: links(slo.alert),
        runbook_url: runbookUrl(slo.alert),
      },
    };
  });

/** alerts/rules/slo.yml */
export const sloRules = (links: DashboardLinks): string =>
  yamlNotice('slo.yaml') +
  yaml({
    groups: sloDocument.slos.flatMap((slo) => [
      {
        name: `slo:${slo.name}`,
        rules: [...(slo.kind === 'staleness' ? [staleRecord(slo)] : []), ...recordings(slo), ...burnAlerts(slo, links)],
      },
    ]),
  });
