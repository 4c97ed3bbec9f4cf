import { calendarMetrics } from './metrics/calendar-metrics.ts';
import { databaseMetrics } from './metrics/database-metrics.ts';
import type { MetricDeclaration } from './metrics/declaration.ts';
import { mailMetrics } from './metrics/mail-metrics.ts';
import { operationMetrics } from './metrics/operation-metrics.ts';
import { requestMetrics } from './metrics/request-metrics.ts';
import { workMetrics } from './metrics/work-metrics.ts';

export { durationBuckets, type MetricDeclaration } from './metrics/declaration.ts';

/** Every metric of the service. A new one goes into a file of metrics/ and needs a panel. */
export const metricCatalogue = {
  ...requestMetrics,
  ...databaseMetrics,
  ...workMetrics,
  ...operationMetrics,
  ...calendarMetrics,
  ...mailMetrics,
};

export type MetricName = keyof typeof metricCatalogue;
type NamesOf<Type extends MetricDeclaration['type']> = {
  [Name in MetricName]: (typeof metricCatalogue)[Name]['type'] extends Type ? Name : never;
}[MetricName];
type CounterName = NamesOf<'counter'>;
type GaugeName = NamesOf<'gauge'>;
type HistogramName = NamesOf<'histogram'>;

export type LabelsOf<Name extends MetricName> = {
  readonly [
    Label in keyof (typeof metricCatalogue)[Name]['labels']
  ]: (typeof metricCatalogue)[Name]['labels'][Label] extends readonly (infer Value)[] ? Value : string;
};

type Series<Name extends GaugeName> = { readonly labels: LabelsOf<Name>; readonly value: number };

/** Where rooms report to; implemented by telemetry/ on a prom-client Registry, or by nothing when telemetry is off. */
export type Metrics = {
  readonly count: <Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number) => void;
  readonly set: <Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
  readonly add: <Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, amount: number) => void;
  /** Makes these the only series of the gauge. */
  readonly replace: <Name extends GaugeName>(name: Name, series: readonly Series<Name>[]) => void;
  /** Carries an exemplar when the active span is sampled. */
  readonly observe: <Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
};

const nothing = (): void => {};
export const noMetrics: Metrics = { count: nothing, set: nothing, add: nothing, replace: nothing, observe: nothing };
