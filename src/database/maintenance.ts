import { trace } from '@opentelemetry/api';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import { maintenanceOperations, type MaintenanceOperationName } from '#src/kernel/catalogue/operations.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import { runInSpan } from '#src/kernel/spans.ts';

export type MeasureMaintenance = <T>(operation: MaintenanceOperationName, work: () => Promise<T>) => Promise<T>;

/** Runs an operation of `maintenanceOperations` with its metric, and in its span unless its declaration has `noSpan`. */
export const createMeasureMaintenance = (deps: {
  readonly clock: Clock;
  readonly metrics: Metrics;
}): MeasureMaintenance => {
  const { clock, metrics } = deps;
  const tracer = trace.getTracer('volwatch.database');

  const timed = async <T>(operation: MaintenanceOperationName, work: () => Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    let outcome: LabelsOf<'volwatch_db_maintenance_duration_seconds'>['outcome'] = 'failed';
    try {
      const value = await work();
      outcome = 'ok';
      return value;
    } finally {
      const seconds = (clock.monotonic() - startedAt) / 1_000;
      metrics.observe('volwatch_db_maintenance_duration_seconds', { operation, outcome }, seconds);
    }
  };

  return (operation, work) =>
    'noSpan' in maintenanceOperations[operation]
      ? timed(operation, work)
      : runInSpan(tracer, `db.${operation}`, {}, () => timed(operation, work));
};
