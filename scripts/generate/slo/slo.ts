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
    schedule_hours: z.number().positive(),
    times: z.number().positive(),
  }),
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
  slo: Exclude<Slo, { kind: 'staleness' }>,
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
  expr: `(time() - max by (${slo.by}) (${slo.timestamp})) > bool ${slo.schedule_hours * 3_600 * slo.times}`,
});

/** Share of bad events over `window`, from 0 to 1; no value while there are no events. */
export const errorRatio = (slo: Slo, window: string): string => {
  if (slo.kind === 'staleness') return `avg(avg_over_time(${staleRecord(slo).record}[${window}]))`;
  const { total, good, bad } = eventsOf(slo);
  const all = `sum(rate(${total}[${window}]))`;
  if (good !== undefined) return `clamp_min(${all} - sum(rate(${good}[${window}])), 0) / ${all}`;
  // Without any bad event the series is missing. The ratio must then be 0 instead of unknown.
  return `(sum(rate(${bad}[${window}])) or 0 * ${all}) / ${all}`;
};

export const sloRecord = (window: string): string => `slo:error_ratio:${window}`;
