import { burnWindows } from '../../slo/rules.ts';
import {
  badEventsRecord,
  budgetRecord,
  eventsRecord,
  ratioRecord,
  secondsOf,
  sloDocument,
  spentRecord,
} from '../../slo/slo.ts';
import type { ColumnSpec, DashboardSpec, PanelSpec } from '../spec.ts';

/** The burn rate of all levels, or of one. */
export const burnRate = (window: string, slo?: string): string =>
  `${ratioRecord(window)}${slo === undefined ? '' : `{slo="${slo}"}`} / on (slo) ${budgetRecord}`;

const burnLines = [
  { value: 1, color: 'yellow' },
  { value: 6, color: 'orange' },
  { value: 14.4, color: 'red' },
] as const;

/** Without the name of the metric, which would split each level into two rows. */
const bySlo = (record: string): string => `max by (slo) (${record})`;

const left = `1 - ${spentRecord}`;
/** No value for a level that burns slower than its budget grows back. */
const exhaustion = `clamp_min(${left}, 0) * ${secondsOf(sloDocument.window)} / on (slo) ((${burnRate('6h')}) > 1)`;

const columns: readonly (ColumnSpec & { readonly expr: string })[] = [
  {
    name: 'spent',
    unit: 'share',
    expr: bySlo(spentRecord),
    thresholds: [
      { value: 0.5, color: 'yellow' },
      { value: 1, color: 'red' },
    ],
  },
  { name: 'lasts for', unit: 'seconds', expr: exhaustion },
  ...burnWindows.map((window) => ({
    name: `burn ${window}`,
    unit: 'rate' as const,
    expr: burnRate(window),
    thresholds: burnLines,
  })),
  { name: 'events', unit: 'events/s', expr: bySlo(eventsRecord) },
];

/** Ids of the panels, which links of alerts contain. A new level gets the next number. */
const panelIds: Readonly<Record<string, number>> = {
  availability: 20,
  reachability: 21,
  pricing_latency: 22,
  read_latency: 23,
  batch_latency: 24,
  refresh: 25,
  freshness: 26,
  auth: 27,
};

const burnPanels = sloDocument.slos.map(({ name, title, alert }): PanelSpec => {
  const id = panelIds[name];
  if (id === undefined) throw new Error(`${name} has no panel: add a number to panelIds of service-levels.ts`);
  return {
    id,
    kind: 'timeseries',
    title: `Burn rate of ${name}`,
    description: `${title}. An alert fires while a long and a short window are over the same line: 14.4 in 1h and 5m, 6 in 6h and 30m, 3 in 1d and 2h, 1 in 3d and 6h.`,
    unit: 'rate',
    queries: burnWindows.map((window) => ({ expr: burnRate(window, name), legend: window })),
    thresholds: burnLines,
    logarithmic: true,
    alerts: [alert],
  };
});

export const serviceLevels: DashboardSpec = {
  uid: 'volwatch-slo',
  file: 'service-levels',
  title: 'Volwatch / Service levels',
  description: 'How much of each error budget is spent, how fast it burns, and when it will be used up.',
  from: 'now-6h',
  rows: [
    {
      title: 'Budgets',
      panels: [
        {
          id: 1,
          kind: 'table',
          title: 'Levels',
          description: `Each level of slo.yaml, the one with the most spent budget first. "spent" is the used share of the budget of ${sloDocument.window}; at 100 % the level is broken. "lasts for" is the time until then at the burn rate of 6h; it is empty while the rate is below 1.`,
          unit: 'count',
          queries: columns.map(({ expr }) => ({ expr, legend: '{{slo}}' })),
          columns,
          width: 24,
          height: 11,
        },
        {
          id: 2,
          kind: 'timeseries',
          title: 'Error budget left',
          description: `Share of the budget of ${sloDocument.window} that is left. It falls with each bad event, and rises when bad hours leave the window. Below 0 the level is broken; the lowest value shown is -100 %.`,
          unit: 'share',
          queries: [{ expr: `clamp_min(${left}, -1)`, legend: '{{slo}}' }],
          lowIsBad: true,
          thresholds: [{ value: 0, color: 'green' }],
          width: 24,
        },
      ],
    },
    { title: 'Burn rate by level', panels: burnPanels },
    {
      title: 'Events',
      panels: [
        {
          id: 3,
          kind: 'timeseries',
          title: 'Events by level',
          description:
            'Events per second over 5 minutes. For freshness each second is an event. A level with few events says little.',
          unit: 'events/s',
          queries: [{ expr: eventsRecord, legend: '{{slo}}' }],
          logarithmic: true,
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'Bad events by level',
          description: 'Events per second over 5 minutes that miss the level. An alert needs a minimum of them.',
          unit: 'events/s',
          queries: [{ expr: badEventsRecord, legend: '{{slo}}' }],
          logarithmic: true,
        },
      ],
    },
  ],
};
