import { stringify } from 'yaml';
import type { DashboardLinks } from '../dashboards/links.ts';
import { burns, severityOf, type Burn } from './burn.ts';
import {
  badEventsRecord,
  budgetOf,
  budgetRecord,
  budgetSpent,
  errorRatio,
  eventsRecord,
  ratesOf,
  ratioRecord,
  recordSeconds,
  secondsOf,
  sloDocument,
  spentRecord,
  staleRecord,
  type Slo,
} from './slo.ts';

export const burnWindows = [...new Set(burns.flatMap(({ short, long }) => [short, long]))].toSorted(
  (a, b) => secondsOf(a) - secondsOf(b),
);

export const yamlNotice = (source: string): string =>
  `# Generated from ${source} by \`npm run generate\`: do not edit.\n`;

/** Long lines are not folded, because a folded expression is hard to search for. */
export const yaml = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** The page of an alert in docs/runbooks. */
export const runbookUrl = (alert: string): string => `${sloDocument.links.runbooks}/${alert}.md`;

const recordings = (slo: Slo): object[] => {
  const labels = { slo: slo.name };
  const { events, bad } = ratesOf(slo);
  return [
    ...(slo.kind === 'staleness' ? [staleRecord(slo)] : []),
    { record: budgetRecord, expr: `vector(${budgetOf(slo)})`, labels },
    { record: eventsRecord, expr: events, labels },
    { record: badEventsRecord, expr: bad, labels },
  ];
};

/**
 * Conditions of an alert beside its burn rate: enough bad events in the long window, and recordings in the first half of
 * that window. Without them, one bad event at night or the first minutes after a fresh start would page.
 */
const enough = (slo: Slo, { long }: Burn): string => {
  const level = `{slo="${slo.name}"}`;
  const half = `${secondsOf(long) / 120}m`;
  // Half an event less, because rates are estimates.
  const badEvents = `avg_over_time(${badEventsRecord}${level}[${long}]) * ${secondsOf(long)} > ${slo.min_bad_events - 0.5}`;
  return `${badEvents} and present_over_time(${eventsRecord}${level}[${half}] offset ${half})`;
};

export const burnAlerts = (slo: Slo, links: DashboardLinks): object[] =>
  burns.map((burn) => {
    const over = (window: string): string =>
      `${ratioRecord(window)}{slo="${slo.name}"} / ${budgetOf(slo)} > ${burn.factor}`;
    return {
      alert: slo.alert,
      expr: `${over(burn.long)} and ${over(burn.short)} and ${enough(slo, burn)}`,
      labels: { severity: severityOf(slo, burn), long: burn.long, short: burn.short },
      annotations: {
        summary: `${slo.name}: the error budget burns {{ $value | humanize }} times too fast (over ${burn.factor} in ${burn.long} and ${burn.short})`,
        description: `${slo.title}, in ${slo.objective} % of cases over ${sloDocument.window}. ${slo.users} ${burn.spent} of the budget is gone.`,
        dashboard_url: links(slo.alert),
        runbook_url: runbookUrl(slo.alert),
      },
    };
  });

/**
 * alerts/rules/slo.yml. The rates of each level come first, then the windows of all levels, because rules of one group
 * run in sequence. The interval is explicit, because the spent budget counts samples.
 */
export const sloRules = (links: DashboardLinks): string =>
  yamlNotice('slo.yaml') +
  yaml({
    groups: [
      {
        name: 'slo',
        interval: `${recordSeconds}s`,
        rules: [
          ...sloDocument.slos.flatMap(recordings),
          ...burnWindows.map((window) => ({ record: ratioRecord(window), expr: errorRatio(window) })),
          { record: spentRecord, expr: budgetSpent() },
          ...sloDocument.slos.flatMap((slo) => burnAlerts(slo, links)),
        ],
      },
    ],
  });
