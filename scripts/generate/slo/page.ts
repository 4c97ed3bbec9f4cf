import { notice, table } from '../markdown.ts';
import { burns } from './burn.ts';
import {
  badEventsRecord,
  budgetOf,
  budgetSpent,
  errorRatio,
  eventsRecord,
  ratesOf,
  ratioRecord,
  sloDocument,
  spentRecord,
  staleRecord,
  type Slo,
} from './slo.ts';

const windowMinutes = Number.parseInt(sloDocument.window, 10) * 24 * 60;

const meaning = (slo: Slo): string =>
  slo.kind === 'staleness'
    ? `Of ${Math.round(windowMinutes * budgetOf(slo))} minutes in ${sloDocument.window} it may be stale.`
    : `With constant traffic that is ${Math.round(windowMinutes * budgetOf(slo))} minutes of total failure in ${sloDocument.window}.`;

const section = (slo: Slo): string => `## ${slo.name}

${slo.title}, in ${slo.objective} % of cases. ${meaning(slo)}

When it is broken: ${slo.users} Alert [${slo.alert}](runbooks/${slo.alert}.md)${slo.pages ? '' : ', which opens tickets and never pages'}.
${'routes' in slo ? `\nRoutes: ${slo.routes.map((route) => `\`${slo.method} ${route}\``).join(', ')}.\n` : ''}
\`\`\`promql
${slo.kind === 'staleness' ? `${staleRecord(slo).record} = ${staleRecord(slo).expr}\n` : ''}${eventsRecord} = ${ratesOf(slo).events}
${badEventsRecord} = ${ratesOf(slo).bad}
\`\`\`
`;

/** docs/slo.md */
export const sloPage = (): string => `${notice('slo.yaml')}
# Service levels

${table(
  ['level', 'objective', `over ${sloDocument.window}`, 'bad events', 'alert'],
  sloDocument.slos.map((slo) => [
    slo.name,
    `${slo.objective} %`,
    slo.title,
    String(slo.min_bad_events),
    `[${slo.alert}](runbooks/${slo.alert}.md)`,
  ]),
)}

The expressions below are recorded each minute for each level, with the label \`slo\`. The share of bad events of a window,
weighted by the number of events, is the quotient of their sums:

\`\`\`promql
${ratioRecord('1h')} = ${errorRatio('1h')}
${spentRecord} = ${budgetSpent()}
\`\`\`

The burn rate is this share divided by the allowed share. Each level alerts on four pairs of windows:

${table(
  ['burn rate over', 'in both', 'severity', 'budget used'],
  burns.map(({ factor, long, short, severity, spent }) => [`${factor}x`, `${long} and ${short}`, severity, spent]),
)}

An alert also needs a minimum of bad events in its long window (column *bad events*), and recordings in the first half of that
window. So one bad event at night does not page, and neither do the first 30 minutes after a fresh start; alerts on
causes need no history. Time before the first recording counts as free of errors in the spent budget.
The panels are in the dashboard *Service levels*.

These are generated from slo.yaml too: alerts/rules/slo.yml and its unit tests, the lines in the dashboards, and
load/thresholds.json, which load tests must keep.

${sloDocument.slos.map(section).join('\n')}`;
