import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const name = z.string().regex(/^[a-z][a-z_]*$/);
const common = {
  name,
  alert: z.string().regex(/^[A-Z][A-Za-z]*$/),
  title: z.string(),
  users: z.string(),
  /** Objective in per cent. */
  objective: z.number().min(50).lt(100),
  /** Whether alerts with a high burn rate page the on-call engineer. If false, all alerts of this level are tickets. */
  pages: z.boolean().default(true),
  /** Fewer bad events than this in the long window of an alert are chance, not a trend. */
  min_bad_events: z.number().int().positive().default(5),
};
const timed = {
  under_ms: z.number().positive(),
  method: z.enum(['GET', 'POST']),
  routes: z.array(z.string().startsWith('/')).min(1),
};

const sloSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('bad_events'), total: z.string(), bad: z.string() }),
  z.strictObject({ ...common, kind: z.literal('good_events'), total: z.string(), good: z.string(), ...timed }),
  z.strictObject({ ...common, kind: z.literal('latency'), ...timed }),
  z.strictObject({
    ...common,
    kind: z.literal('staleness'),
    timestamp: z.string(),
    by: z.string(),
    /** The gauge of the seconds between two refreshes by schedule. What has no schedule is never stale. */
    period: z.string(),
    times: z.number().positive(),
  }),
  /** Checks of the black-box exporter: 1 for success, 0 for failure. */
  z.strictObject({ ...common, kind: z.literal('probe'), success: z.string() }),
]);
export type Slo = z.output<typeof sloSchema>;

const documentSchema = z.strictObject({
  service: name,
  window: z.string().regex(/^\d+d$/),
  links: z.strictObject({ dashboards: z.url(), runbooks: z.url() }),
  slos: z.array(sloSchema).min(1),
});

/** The validated content of slo.yaml. */
export const sloDocument = documentSchema.parse(parse(readFileSync('slo.yaml', 'utf8')));

/** The share of events that may be bad, from 0 to 1. */
export const budgetOf = (slo: Pick<Slo, 'objective'>): number => Number((1 - slo.objective / 100).toFixed(6));

export const findSlo = (wanted: string): Slo => {
  const found = sloDocument.slos.find((slo) => slo.name === wanted);
  if (!found) throw new Error(`slo.yaml has no ${wanted}`);
  return found;
};

/** The latency limit in milliseconds that the objective's share of these requests must meet. */
export const limitOf = (wanted: string): number => {
  const slo = findSlo(wanted);
  if (!('under_ms' in slo)) throw new Error(`${wanted} is not about latency`);
  return slo.under_ms;
};

const durations = 'http_server_request_duration_seconds';
const timedLabels = (slo: Extract<Slo, { kind: 'latency' }>): string =>
  `http_request_method="${slo.method}",http_route=~"${slo.routes.join('|')}",http_response_status_code!~"5.."`;

/** Counters of all events, and of the events that met the level or missed it. */
export const eventsOf = (
  slo: Exclude<Slo, { kind: 'staleness' | 'probe' }>,
): { readonly total: string; readonly good?: string; readonly bad?: string } => {
  if (slo.kind === 'bad_events') return { total: slo.total, bad: slo.bad };
  if (slo.kind === 'good_events') return { total: slo.total, good: slo.good };
  const labels = timedLabels(slo);
  return {
    total: `${durations}_count{${labels}}`,
    good: `${durations}_bucket{${labels},le="${slo.under_ms / 1_000}"}`,
  };
};

/**
 * The recording rule of a staleness level. It is 1 while the data are too old by the newest timestamp of all instances.
 */
export const staleRecord = (slo: Extract<Slo, { kind: 'staleness' }>): { record: string; expr: string } => ({
  record: `slo:${slo.name}:stale`,
  expr: `(time() - max by (${slo.by}) (${slo.timestamp})) > bool ${slo.times} * max by (${slo.by}) (${slo.period})`,
});

/** The window of the recorded rates. All longer windows are sums of their samples. */
const rateWindow = '5m';
/** The names of the recordings of all levels, told apart by the label `slo`. */
export const eventsRecord = `slo:events:rate${rateWindow}`;
export const badEventsRecord = `slo:bad_events:rate${rateWindow}`;
export const budgetRecord = 'slo:budget';
export const spentRecord = `slo:budget_spent:${sloDocument.window}`;
export const ratioRecord = (window: string): string => `slo:error_ratio:${window}`;

/** Seconds between two samples of a recording. */
export const recordSeconds = 60;

/** A duration of Prometheus in seconds. */
export const secondsOf = (duration: string): number =>
  Number.parseInt(duration, 10) * ({ s: 1, m: 60, h: 3_600, d: 86_400 }[duration.at(-1)!] ?? Number.NaN);

/** Events and bad events per second over the last five minutes; no value while no event was ever counted. */
export const ratesOf = (slo: Slo): { readonly events: string; readonly bad: string } => {
  if (slo.kind === 'staleness') {
    // Each second in which the data may be stale is an event.
    const stale = `avg(avg_over_time(${staleRecord(slo).record}[${rateWindow}]))`;
    return { events: `1 + 0 * ${stale}`, bad: stale };
  }
  if (slo.kind === 'probe') {
    const checks = (over: string): string => `sum(${over}_over_time(${slo.success}[${rateWindow}]))`;
    const seconds = secondsOf(rateWindow);
    return { events: `${checks('count')} / ${seconds}`, bad: `(${checks('count')} - ${checks('sum')}) / ${seconds}` };
  }
  const { total, good, bad } = eventsOf(slo);
  const rateOf = (selector: string): string => `sum(rate(${selector}[${rateWindow}]))`;
  // A series without any event is missing. Its rate must then be 0 instead of unknown.
  const orZero = (selector: string): string => `(${rateOf(selector)} or 0 * ${rateOf(total)})`;
  return {
    events: rateOf(total),
    bad: good === undefined ? orZero(bad!) : `clamp_min(${rateOf(total)} - ${orZero(good)}, 0)`,
  };
};

/** Share of bad events over `window`, from 0 to 1, weighted by the number of events; no value without events. */
export const errorRatio = (window: string): string =>
  window === rateWindow
    ? `${badEventsRecord} / (${eventsRecord} > 0)`
    : `sum_over_time(${badEventsRecord}[${window}]) / (sum_over_time(${eventsRecord}[${window}]) > 0)`;

/**
 * The share of the budget that is spent: bad events, divided by those that the window may have at the mean rate of events.
 * Time before the first sample counts as free of errors, so that a fresh start has its whole budget.
 */
export const budgetSpent = (): string => {
  const { window } = sloDocument;
  const badEvents = `sum_over_time(${badEventsRecord}[${window}]) * ${recordSeconds}`;
  const allEvents = `(avg_over_time(${eventsRecord}[${window}]) > 0) * ${secondsOf(window)}`;
  return `${badEvents} / (${allEvents}) / on (slo) ${budgetRecord}`;
};
