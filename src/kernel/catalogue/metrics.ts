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
type NamesThatEnd<End extends MetricDeclaration['ends']> = {
  [Name in MetricName]: (typeof metricCatalogue)[Name] extends { readonly ends: End } ? Name : never;
}[MetricName];
/** Gauges whose series are set one by one. The others would keep those of names that are gone. */
type SetGaugeName = Exclude<GaugeName, NamesThatEnd<'replaced'>>;
type HistogramName = NamesOf<'histogram'>;

export type LabelsOf<Name extends MetricName> = {
  readonly [
    Label in keyof (typeof metricCatalogue)[Name]['labels']
  ]: (typeof metricCatalogue)[Name]['labels'][Label] extends readonly (infer Value)[] ? Value : string;
};

type CallerLabelsOf<Labels> = { [Label in keyof Labels]: Labels[Label] extends 'caller' ? Label : never }[keyof Labels];
/** The labels of metrics with `ends: 'forgotten'` whose values are names that callers make. */
export type ForgottenLabel = {
  [Name in NamesThatEnd<'forgotten'>]: CallerLabelsOf<(typeof metricCatalogue)[Name]['labels']>;
}[NamesThatEnd<'forgotten'>];

/** Reads the names that exist, for each label. */
export type ExistingNames = Readonly<Record<ForgottenLabel, () => Promise<readonly string[]>>>;

type Series<Name extends GaugeName> = { readonly labels: LabelsOf<Name>; readonly value: number };

/** Where rooms report to; implemented by telemetry/ on a prom-client Registry, or by nothing when telemetry is off. */
export type Metrics = {
  readonly count: <Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number) => void;
  readonly set: <Name extends SetGaugeName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
  readonly add: <Name extends SetGaugeName>(name: Name, labels: LabelsOf<Name>, amount: number) => void;
  /** Makes these the only series of the gauge. */
  readonly replace: <Name extends GaugeName>(name: Name, series: readonly Series<Name>[]) => void;
  /** Removes the series of names that do not exist any more, of all metrics with `ends: 'forgotten'`. */
  readonly forget: (existing: ExistingNames) => Promise<void>;
  /** Carries an exemplar when the active span is sampled. */
  readonly observe: <Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number) => void;
};

const nothing = (): void => {};
export const noMetrics: Metrics = {
  count: nothing,
  set: nothing,
  add: nothing,
  replace: nothing,
  forget: async () => {},
  observe: nothing,
};
